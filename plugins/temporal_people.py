"""What a run in a workflow asks people: questions and doubts wait for signals, however long they take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from temporalio import workflow

from planloom.planners.journal.history import Doubt, Question
from planloom.planners.journal.run_ledger import call_key, question_of_approval, question_of_ask
from planloom.planners.journal.sqlite import plan_hash
from planloom.planners.plan import Plan
from planloom.planners.running.ledger import Recorded
from planloom.planners.running.policy import Approver, CallRequest, Policy
from planloom.planners.running.records import RunResult
from planloom.planners.running.run import Run
from planloom.planners.running.run_errors import RunError
from planloom.planners.running.scheduler import StepCall
from planloom.plugins.temporal_wire import RunOrder, VerdictSignal
from planloom.services.protocol import Usage

__all__ = ["People", "WorkflowJournal"]


class People:
    """What a run asks people, and what they said."""

    def __init__(self) -> None:
        self.questions: dict[tuple[str, str], Question] = {}
        self.answers: dict[tuple[str, str], Any] = {}
        self.doubts: dict[str, Doubt] = {}
        self.verdicts: dict[str, VerdictSignal] = {}

    async def word_on(self, question: Question) -> Any:
        """The answer to a question, however long it takes."""
        key = (question.step, question.fingerprint)
        self.questions[key] = question
        await workflow.wait_condition(lambda: key in self.answers)
        del self.questions[key]
        return self.answers[key]

    async def verdict_on(self, doubt: Doubt) -> VerdictSignal:
        """What became of a write that may have happened."""
        self.doubts[doubt.step] = doubt
        await workflow.wait_condition(lambda: doubt.step in self.verdicts)
        del self.doubts[doubt.step]
        return self.verdicts.pop(doubt.step)


class WorkflowJournal:
    """The history of the workflow is the journal: nothing is written here, and questions wait for signals."""

    spent = Usage()

    def __init__(self, people: People, run_id: str, order: RunOrder) -> None:
        self.people, self.run_id, self.plan_hash = people, run_id, plan_hash(order.plan)

    def ledger(
        self, plan: Plan, given: Mapping[str, Any], policy: Policy | None, run_id: str | None
    ) -> WorkflowJournal:
        return self

    def around(self, run: Run, go: Callable[[], Awaitable[RunResult]]) -> Awaitable[RunResult]:
        return go()

    def recorded(self, call: StepCall) -> Recorded | None:
        return None

    def key(self, call: StepCall) -> str:
        return call_key(self.run_id, self.plan_hash, call)

    async def begin(self, call: StepCall) -> None:
        return None

    async def end(self, call: StepCall, value: Any, seconds: float, used: Usage) -> None:
        return None

    def failed(self, call: StepCall, error: BaseException) -> None:
        return None

    async def approval(self, request: CallRequest, reason: str, approve: Approver | None) -> bool:
        question = question_of_approval(request, reason, workflow.now().timestamp())
        return await self.people.word_on(replace(question, fingerprint=_lasting(question))) is True

    async def answer(self, call: StepCall, ask: Callable[[str, str], Awaitable[Any]] | None) -> Any:
        return await self.people.word_on(question_of_ask(call, workflow.now().timestamp()))

    def waiting(self, run: Run) -> RunError:
        raise AssertionError("a workflow waits by itself")


def _lasting(question: Question) -> str:
    """A hash of the exact call that a new version of a function's description leaves as it was.

    A run is replayed by later versions, which must hear the same answers. That the function takes and changes
    the same is known: a worker whose functions differ in that refuses the run.
    """
    told = [question.name, question.text, question.arguments]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
