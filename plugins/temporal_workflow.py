"""The workflow that runs a plan: the same core as in process, with each call as an activity.

It runs outside the SDK's sandbox: the scheduler looks at no clock, random source or network by itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from planloom.errors import PlanloomError
from planloom.function import KernelFunction
from planloom.idempotency import idempotency_key
from planloom.kernel import Kernel
from planloom.planners.errors import PlanError
from planloom.planners.journal.errors import RunChangedError, UnsavableValueError
from planloom.planners.journal.history import Doubt, Question
from planloom.planners.journal.identity import changes_of
from planloom.planners.journal.run_ledger import call_key, question_of_approval, question_of_ask
from planloom.planners.journal.sqlite import plan_hash
from planloom.planners.journal.values import Saved, Unsavable, restore, save, shown_json
from planloom.planners.language.variables import variable_key
from planloom.planners.plan import Plan
from planloom.planners.running.executor import Executor
from planloom.planners.running.ledger import Recorded
from planloom.planners.running.policy import Approver, CallRequest, Policy
from planloom.planners.running.records import RunResult
from planloom.planners.running.run import Run
from planloom.planners.running.run_errors import RunError
from planloom.planners.running.scheduler import StepCall
from planloom.planners.running.step_runner import FIRST_DELAY, LONGEST_DELAY
from planloom.plugins.temporal_hosts import hosted
from planloom.plugins.temporal_wire import (
    RUN_PLAN,
    AnswerSignal,
    Board,
    CallOrder,
    CallOutcome,
    RunOrder,
    RunOutcome,
    VerdictSignal,
    WorkerCallError,
)
from planloom.services.protocol import Usage
from planloom.usage import record_usage, require_budget

__all__ = ["HEARTBEAT", "RunPlan", "repeatable"]

HEARTBEAT = timedelta(seconds=2)
"""A worker that says nothing for so long is lost, and its calls are given to another."""

WRITE_HEARTBEAT = timedelta(seconds=10)
"""The same for writes that must not happen twice: taken for lost, they cost a person's time."""

LONGEST_CALL = timedelta(days=1)
"""How long one try of a function without a timeout may take; a lost worker is noticed by its heartbeat."""

MARGIN = timedelta(seconds=10)
AGAIN = RetryPolicy(
    initial_interval=timedelta(seconds=FIRST_DELAY), maximum_interval=timedelta(seconds=LONGEST_DELAY)
)
ONCE = RetryPolicy(maximum_attempts=1)


def repeatable(function: KernelFunction) -> bool:
    """Whether a call that may have happened can be made again."""
    return function.effect != "write" or function.idempotent


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


class ActivityRunner:
    """Runs each call as an activity, on the task queue that its function names."""

    def __init__(self, people: People, order: RunOrder) -> None:
        self.people, self.order = people, order

    def run(self, call: StepCall) -> Awaitable[Any]:
        function = call.step.function
        assert function is not None
        return self._run(call, function)

    async def _run(self, call: StepCall, function: KernelFunction) -> Any:
        if function.kind == "prompt":
            require_budget()
        order = CallOrder(call.id, _saved_arguments(call, function), idempotency_key() or "")
        try:
            outcome = await (
                self._start(function, order, AGAIN)
                if repeatable(function)
                else self._once(call, function, order)
            )
        except ActivityError as error:
            raise _named(function, error) from error
        record_usage(Usage(*outcome.tokens))
        return restore(outcome.value, function.returns)

    def _start(
        self, function: KernelFunction, order: CallOrder, retry: RetryPolicy
    ) -> Awaitable[CallOutcome]:
        longest = LONGEST_CALL if function.timeout is None else timedelta(seconds=function.timeout) + MARGIN
        return workflow.execute_activity(
            function.full_name,
            order,
            result_type=CallOutcome,
            task_queue=self.order.queues.get(function.full_name),
            start_to_close_timeout=longest,
            heartbeat_timeout=HEARTBEAT if repeatable(function) else WRITE_HEARTBEAT,
            retry_policy=retry,
        )

    async def _once(self, call: StepCall, function: KernelFunction, order: CallOrder) -> CallOutcome:
        """A write that must not happen twice: only its own author's retries, and a person, try it again."""
        failures = 0
        while True:
            try:
                return await self._start(function, order, ONCE)
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                raised = isinstance(error.cause, ApplicationError)
                if raised and (failures == function.retries or _runs_on(error.cause, function)):
                    raise
                if not raised:
                    verdict = await self.people.verdict_on(_doubt(call, function, error))
                    if verdict.verdict != "not-done":
                        done = verdict.verdict == "done"
                        return CallOutcome(Saved(json.dumps(verdict.value if done else None), typed=done))
                    continue
            await asyncio.sleep(min(FIRST_DELAY * 2**failures, LONGEST_DELAY))
            failures += 1


def _lasting(question: Question) -> str:
    """A hash of the exact call that a new version of a function's description leaves as it was.

    A run is replayed by later versions, which must hear the same answers. That the function takes and changes
    the same is known: a worker whose functions differ in that refuses the run.
    """
    told = [question.name, question.text, question.arguments]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _runs_on(cause: BaseException | None, function: KernelFunction) -> bool:
    """Whether the call took too long in a thread, which may yet do it."""
    return (
        isinstance(cause, ApplicationError) and cause.type == "FunctionTimeoutError" and not function.is_async
    )


def _saved_arguments(call: StepCall, function: KernelFunction) -> dict[str, Saved]:
    types = {parameter.key: parameter for parameter in function.parameters}
    found: dict[str, Saved] = {}
    for key, value in call.arguments.items():
        try:
            found[key] = save(value, types[key].annotation)
        except Unsavable as error:
            raise UnsavableValueError(
                function.full_name, f"cannot be given {types[key].name} on a worker: {error}"
            ) from error
    return found


def _doubt(call: StepCall, function: KernelFunction, error: ActivityError) -> Doubt:
    names = {parameter.key: parameter.name for parameter in function.parameters}
    shown = {names[key]: json.loads(shown_json(value)) for key, value in call.arguments.items()}
    return Doubt(call.id, function.full_name, shown, workflow.now().timestamp(), str(error.cause or error), 0)


def _named(function: KernelFunction, error: ActivityError) -> BaseException:
    cause = error.cause
    if is_cancelled_exception(error):
        return asyncio.CancelledError()
    if isinstance(cause, ApplicationError):
        return WorkerCallError(function.full_name, cause.type or "an error", cause.message)
    return WorkerCallError(function.full_name, type(cause or error).__name__, str(cause or error))


@workflow.defn(name=RUN_PLAN)
class RunPlan:
    """One run of one plan."""

    def __init__(self) -> None:
        self.people = People()

    @workflow.run
    async def run(self, order: RunOrder) -> RunOutcome:
        info = workflow.info()
        host = hosted(info.namespace, order.task_queue)
        plan = plan_of(order, host.kernel, host.policy, info.workflow_id)
        journal = WorkflowJournal(self.people, info.workflow_id, order)
        executor = Executor(
            host.kernel,
            policy=host.policy,
            runner=ActivityRunner(self.people, order),
            journal=journal,
            timeout=order.timeout,
            budget=order.budget,
            max_concurrency=order.max_concurrency,
        )
        executor.watchful = False  # its timers would be in every history
        given = json.loads(order.inputs)
        keys = {variable_key(name): value for name, value in given.items()}
        try:
            return _outcome(await executor.resumed_run(plan, given, keys, journal).go())
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
        """Says what became of a write in doubt."""
        if word.step in self.people.doubts:
            self.people.verdicts[word.step] = word

    @workflow.query
    def board(self) -> Board:
        """What the run waits for."""
        return Board(
            [_plain(question) for question in self.people.questions.values()],
            [_plain(doubt) for doubt in self.people.doubts.values()],
        )


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


def _plain(item: Question | Doubt) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__slots__}
