"""The workflow that runs a plan: the same core as in process, with each call as an activity.

It runs outside the SDK's sandbox: the scheduler looks at no clock, random source or network by itself.
"""

from __future__ import annotations

import json
from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from planloom.errors import PlanloomError
from planloom.kernel import Kernel
from planloom.planners.errors import PlanError
from planloom.planners.journal.errors import RunChangedError, RunWaiting
from planloom.planners.journal.identity import changes_of
from planloom.planners.journal.values import shown_json
from planloom.planners.language.variables import variable_key
from planloom.planners.plan import Plan
from planloom.planners.running.executor import Executor
from planloom.planners.running.policy import Policy
from planloom.planners.running.records import RunResult
from planloom.plugins.temporal_calls import ActivityRunner
from planloom.plugins.temporal_hosts import hosted
from planloom.plugins.temporal_people import People, WorkflowJournal, plain
from planloom.plugins.temporal_wire import (
    RUN_PLAN,
    AnswerSignal,
    Board,
    Carried,
    RunOrder,
    RunOutcome,
    VerdictSignal,
)

__all__ = ["RunPlan"]

CHECKED = "verdicts-are-checked"
"""Where this version decides otherwise than those before it, which took any verdict."""

MOST_CALLS = 500
"""Calls of a run under way at once: a server takes 2000 and grows slow long before."""


@workflow.defn(name=RUN_PLAN)
class RunPlan:
    """One run of one plan."""

    @workflow.init
    def __init__(self, order: RunOrder) -> None:
        self.people = People(order.carried)

    @workflow.run
    async def run(self, order: RunOrder) -> RunOutcome:
        info = workflow.info()
        host = hosted(info.namespace, order.task_queue)
        plan = plan_of(order, host.kernel, host.policy, info.workflow_id)
        journal = WorkflowJournal(self.people, info.workflow_id, order, plan)
        executor = Executor(
            host.kernel,
            policy=host.policy,
            runner=ActivityRunner(self.people, order),
            journal=journal,
            timeout=order.timeout,
            budget=order.budget,
            max_concurrency=min(order.max_concurrency or MOST_CALLS, MOST_CALLS),
        )
        executor.watchful = False  # its timers would be in every history
        given = json.loads(order.inputs)
        keys = {variable_key(name): value for name, value in given.items()}
        try:
            return _outcome(await executor.resumed_run(plan, given, keys, journal).go())
        except RunWaiting:
            workflow.continue_as_new(_continued(order, journal.carried()))
        except PlanloomError as error:
            raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error

    @workflow.signal
    def answer(self, word: AnswerSignal) -> None:
        """Answers an open question; a word on anything else is not heard."""
        key = (word.step, word.fingerprint)
        if key in self.people.questions:
            self.people.answers[key] = word.value

    @workflow.signal
    def decide(self, word: VerdictSignal) -> None:
        """Says what became of a write in doubt; a word that is no verdict is not heard."""
        if word.step not in self.people.doubts:
            return
        if self.people.objection(word) and workflow.patched(CHECKED):
            return
        self.people.verdicts[word.step] = word

    @workflow.query
    def objection(self, word: VerdictSignal) -> str:
        """Why ``decide`` would not hear that word; empty when it would."""
        return self.people.objection(word)

    @workflow.query
    def board(self) -> Board:
        """What the run waits for."""
        return Board(
            [plain(question) for question in self.people.questions.values()],
            [plain(doubt) for doubt in self.people.doubts.values()],
        )


def _continued(order: RunOrder, carried: Carried) -> RunOrder:
    """The rest of a run, in the time that is left of it."""
    past = (workflow.now() - workflow.info().start_time).total_seconds()
    left = None if order.timeout is None else max(0.0, order.timeout - past)
    return replace(order, carried=carried, timeout=left)


def plan_of(order: RunOrder, kernel: Kernel, policy: Policy | None, run_id: str) -> Plan:
    """The plan over this worker's functions.

    Raises:
        RunChangedError: they are not what the run began with. The workflow then stands still, and goes on
            when a worker comes that has them.
    """
    changes = changes_of(order.functions, kernel)
    under = type(policy).__name__ if policy is not None else ""
    if under != order.policy:
        changes.append(
            f"it began under the policy {order.policy or 'none'}; this worker has {under or 'none'}"
        )
    if changes:
        raise RunChangedError(run_id, changes)
    try:
        plan = Plan.from_json(order.plan, kernel)
    except PlanError as error:
        raise RunChangedError(run_id, [f"the plan no longer fits the functions: {error}"]) from error
    plan.goal = order.goal
    return plan


def _outcome(result: RunResult) -> RunOutcome:
    usage = result.usage
    return RunOutcome(
        text=result.text,
        results=json.loads(shown_json(dict(result.results))),
        variables=json.loads(shown_json(dict(result.variables))),
        steps=[(record.step, record.name, record.status, record.seconds) for record in result.steps],
        tokens=(usage.prompt_tokens, usage.completion_tokens, usage.calls),
    )
