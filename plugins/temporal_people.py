"""What a run in a workflow asks people: questions and doubts wait for signals, however long they take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from temporalio import workflow

from planloom.function import reason
from planloom.planners.journal.errors import RunWaiting
from planloom.planners.journal.history import VERDICTS, Doubt, Question
from planloom.planners.journal.run_ledger import call_key, question_of_approval, question_of_ask
from planloom.planners.journal.sqlite import plan_hash
from planloom.planners.journal.values import Saved, restore
from planloom.planners.plan import Plan
from planloom.planners.running.ledger import Parked, Recorded
from planloom.planners.running.policy import Approver, CallRequest, Policy
from planloom.planners.running.records import RunResult
from planloom.planners.running.run import Run
from planloom.planners.running.run_errors import RunError
from planloom.planners.running.scheduler import StepCall
from planloom.plugins.temporal_wire import (
    AnswerSignal,
    Carried,
    FinishedStep,
    RunOrder,
    VerdictSignal,
    packed,
)
from planloom.services.protocol import Usage

__all__ = ["People", "WorkflowJournal", "plain"]


class People:
    """What a run asks people, and what they said; ``carried`` is from the run's history before this one."""

    def __init__(self, carried: Carried | None = None) -> None:
        self.questions: dict[tuple[str, str], Question] = {}
        self.answers: dict[tuple[str, str], Any] = {}
        self.doubts: dict[str, Doubt] = {}
        self.verdicts: dict[str, VerdictSignal] = {}
        self._returns: dict[str, Any] = {}
        self.leaving = False
        """Whether the run is about to go on under a new history, where open questions are asked again."""
        if carried is not None:
            asked = [Question(**question) for question in carried.questions]
            self.questions = {(question.step, question.fingerprint): question for question in asked}
            self.answers = {(word.step, word.fingerprint): word.value for word in carried.answers}

    async def word_on(self, question: Question) -> Any:
        """The answer to a question, however long it takes; raises ``Parked`` when the run is leaving."""
        key = (question.step, question.fingerprint)
        self.questions.setdefault(key, question)
        await workflow.wait_condition(lambda: key in self.answers or self.leaving)
        if key not in self.answers:
            raise Parked
        del self.questions[key]
        return self.answers[key]

    async def verdict_on(self, doubt: Doubt, returns: Any) -> VerdictSignal:
        """What became of a write that may have happened. A run does not leave before it is told.

        ``returns`` is the type of what the write gives, and so of what a person may say that it gave.
        """
        self.doubts[doubt.step], self._returns[doubt.step] = doubt, returns
        await workflow.wait_condition(lambda: doubt.step in self.verdicts)
        del self.doubts[doubt.step], self._returns[doubt.step]
        return self.verdicts.pop(doubt.step)

    def objection(self, word: VerdictSignal) -> str:
        """Why a word on a write in doubt cannot be taken; empty when it can."""
        if word.step not in self.doubts:
            return f"step {word.step} is not in doubt. In doubt: {', '.join(self.doubts) or 'none'}."
        if word.verdict not in VERDICTS:
            return (
                f"{word.verdict!r} is no verdict on step {word.step}. Say done (with the value that it "
                "gave), not-done (do it now), or skip (go on without it)."
            )
        return _misfit(word, self._returns[word.step]) if word.verdict == "done" else ""


class WorkflowJournal:
    """The history of the workflow is the journal: nothing is written here, and questions wait for signals.

    When the history has grown long, new calls are parked; once those under way have ended, so has the run,
    with ``RunWaiting``, and ``carried`` is what it goes on with.
    """

    def __init__(self, people: People, run_id: str, order: RunOrder, plan: Plan) -> None:
        self.people, self.run_id, self.order, self.plan = people, run_id, order, plan
        self.plan_hash = plan_hash(order.plan)
        before = order.carried
        self.spent = self._used = Usage(*before.tokens) if before else Usage()
        self._finished = {done.step: self._recorded(done) for done in before.finished} if before else {}
        self._before = dict(self._finished)

    def carried(self) -> Carried:
        """What was done and said so far."""
        finished = [
            FinishedStep(step, packed(past.value, self._returns(step)), past.seconds)
            for step, past in self._finished.items()
        ]
        answers = [AnswerSignal(*key, value) for key, value in self.people.answers.items()]
        used = (self._used.prompt_tokens, self._used.completion_tokens, self._used.calls)
        return Carried(finished, [plain(asked) for asked in self.people.questions.values()], answers, used)

    def _recorded(self, done: FinishedStep) -> Recorded:
        return Recorded(restore(done.value, self._returns(done.step)), done.seconds)

    def _returns(self, step: str) -> Any:
        function = self.plan.steps[int(step.partition("[")[0]) - 1].function
        return function.returns if function is not None else Any

    def ledger(
        self, plan: Plan, given: Mapping[str, Any], policy: Policy | None, run_id: str | None
    ) -> WorkflowJournal:
        return self

    def around(self, run: Run, go: Callable[[], Awaitable[RunResult]]) -> Awaitable[RunResult]:
        return go()

    def recorded(self, call: StepCall) -> Recorded | None:
        return self._before.pop(call.id, None)

    def key(self, call: StepCall) -> str:
        return call_key(self.run_id, self.plan_hash, call)

    async def begin(self, call: StepCall) -> None:
        if self.people.leaving or _is_long(self.order.history_limit):
            self.people.leaving = True
            raise Parked

    def unmade(self, call: StepCall) -> None:
        return None

    async def end(self, call: StepCall, value: Any, seconds: float, used: Usage) -> Any:
        self._finished[call.id], self._used = Recorded(value, seconds), used
        return value

    def failed(self, call: StepCall, error: BaseException) -> None:
        return None

    async def approval(self, request: CallRequest, reason: str, approve: Approver | None) -> bool:
        question = question_of_approval(request, reason, workflow.now().timestamp())
        return await self.people.word_on(replace(question, fingerprint=_lasting(question))) is True

    async def answer(self, call: StepCall, ask: Callable[[str, str], Awaitable[Any]] | None) -> Any:
        return await self.people.word_on(question_of_ask(call, workflow.now().timestamp()))

    def waiting(self, run: Run) -> RunError:
        return RunWaiting(self.run_id, self.plan, tuple(self.people.questions.values()), tuple(run.records))


def plain(item: Question | Doubt) -> dict[str, Any]:
    """A question or a doubt as data."""
    return {name: getattr(item, name) for name in item.__slots__}


def _misfit(word: VerdictSignal, returns: Any) -> str:
    try:
        restore(Saved(json.dumps(word.value), typed=True), returns)
    except ValueError as error:
        return (
            f"the value that was given for step {word.step} is not what it returns: {reason(error)}. "
            "Say done with the value that it gave, or skip to go on without one."
        )
    return ""


def _is_long(limit: int | None) -> bool:
    """Whether this history should be the run's last but one; the same in every replay."""
    info = workflow.info()
    return limit is not None and (
        info.get_current_history_length() >= limit or info.is_continue_as_new_suggested()
    )


def _lasting(question: Question) -> str:
    """A hash of the exact call that a new version of a function's description leaves as it was.

    A run is replayed by later versions, which must hear the same answers. That the function takes and changes
    the same is known: a worker whose functions differ in that refuses the run.
    """
    told = [question.name, question.text, question.arguments]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
