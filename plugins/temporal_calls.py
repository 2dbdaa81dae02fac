"""Calls of a run in a workflow: each is an activity, on the task queue that its function names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from planloom.function import KernelFunction
from planloom.idempotency import idempotency_key
from planloom.planners.journal.errors import UnsavableValueError
from planloom.planners.journal.history import Doubt
from planloom.planners.journal.values import Saved, Unsavable, restore, shown_json
from planloom.planners.running.scheduler import StepCall
from planloom.planners.running.step_runner import FIRST_DELAY, LONGEST_DELAY
from planloom.plugins.temporal_people import People
from planloom.plugins.temporal_wire import (
    RAISED,
    CallOrder,
    CallOutcome,
    RunOrder,
    WorkerCallError,
    packed,
)
from planloom.services.protocol import Usage
from planloom.usage import record_usage, require_budget

__all__ = ["HEARTBEAT", "ActivityRunner", "repeatable"]

HEARTBEAT = timedelta(seconds=2)
"""A worker that says nothing for so long is lost, and its calls are given to another."""

WRITE_HEARTBEAT = timedelta(seconds=10)
"""The same for writes that must not happen twice: each that is taken for lost costs a person's time, and with
three seconds an overloaded server took one in sixty for lost that was not."""

LONGEST_CALL = timedelta(days=1)
"""How long one try of a function without a timeout may take; a lost worker is noticed by its heartbeat."""

MARGIN = timedelta(seconds=10)
AGAIN = RetryPolicy(
    initial_interval=timedelta(seconds=FIRST_DELAY), maximum_interval=timedelta(seconds=LONGEST_DELAY)
)
ONCE = RetryPolicy(maximum_attempts=1)

MARKED = "raised-is-marked"
"""Where this version decides otherwise than those before it, whose workers marked no error as raised."""


def repeatable(function: KernelFunction) -> bool:
    """Whether a call that may have happened can be made again."""
    return function.effect != "write" or function.idempotent


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
                if not _raised(error.cause):
                    doubt = _doubt(call, function, error)
                    verdict = await self.people.verdict_on(doubt, function.returns)
                    if verdict.verdict != "not-done":
                        done = verdict.verdict == "done"
                        return CallOutcome(Saved(json.dumps(verdict.value if done else None), typed=done))
                    continue
                if failures == function.retries or _runs_on(error.cause, function):
                    raise
            await asyncio.sleep(min(FIRST_DELAY * 2**failures, LONGEST_DELAY))
            failures += 1


def _raised(cause: BaseException | None) -> bool:
    """Whether the function itself raised; if not, nobody knows whether the call was made."""
    return isinstance(cause, ApplicationError) and (RAISED in cause.details or not workflow.patched(MARKED))


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
            found[key] = packed(value, types[key].annotation)
        except Unsavable as error:
            raise UnsavableValueError(
                function.full_name, f"cannot be given {types[key].name} on a worker: {error}"
            ) from error
    return found


def _doubt(call: StepCall, function: KernelFunction, error: ActivityError) -> Doubt:
    names = {parameter.key: parameter.name for parameter in function.parameters}
    shown = {names[key]: json.loads(shown_json(value)) for key, value in call.arguments.items()}
    ended = f"it ended with {error.cause or error}"
    return Doubt(call.id, function.full_name, shown, workflow.now().timestamp(), ended, 0)


def _named(function: KernelFunction, error: ActivityError) -> BaseException:
    cause = error.cause
    if is_cancelled_exception(error):
        return asyncio.CancelledError()
    if isinstance(cause, ApplicationError):
        return WorkerCallError(function.full_name, cause.type or "an error", cause.message)
    return WorkerCallError(function.full_name, type(cause or error).__name__, str(cause or error))
