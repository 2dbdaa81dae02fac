"""Workers: processes that have the kernel, and run workflows and their calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from planloom.function import KernelFunction, reason
from planloom.idempotency import keyed
from planloom.kernel import Kernel
from planloom.planners.journal.values import Unsavable, restore
from planloom.planners.running.policy import Policy
from planloom.planners.running.step_runner import in_time
from planloom.plugins.temporal_calls import HEARTBEAT, repeatable
from planloom.plugins.temporal_hosts import host
from planloom.plugins.temporal_wire import RAISED, CallOrder, CallOutcome, packed
from planloom.plugins.temporal_workflow import RunPlan
from planloom.usage import metered

__all__ = ["worker"]

STICKY = timedelta(seconds=1)
"""How long a run waits for the worker that has it in memory; Temporal's own ten seconds are what a lost one
would cost."""

BEATS = 4
"""Heartbeats sent in the time after which a worker without one counts as lost."""


def worker(
    kernel: Kernel,
    client: Client,
    task_queue: str,
    *,
    policy: Policy | None = None,
    calls_only: bool = False,
    max_concurrent_calls: int = 100,
    calls_per_second: float | None = None,
    queue_calls_per_second: float | None = None,
    graceful: float = 30.0,
) -> Worker:
    """A worker for a task queue: ``await worker(...).run()``, or use it with ``async with``.

    Args:
        kernel: its functions are what runs here may call.
        client: connected to the server, with the data converter that all its clients and workers share.
        task_queue: the queue to serve.
        policy: decides, as in ``Executor``; all workers of a queue must have the same.
        calls_only: run calls and no plans: for a machine that only some functions name with ``runs_on``.
        max_concurrent_calls: how many calls may run here at once.
        calls_per_second: how many calls may start here in a second.
        queue_calls_per_second: how many calls may start in a second on all workers of the queue.
        graceful: seconds that calls get to finish when the worker is shut down.

    Raises:
        HostError: another kernel serves the queue in this process.
    """
    if not calls_only:
        host(client.namespace, task_queue, kernel, policy)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[] if calls_only else [RunPlan],
        activities=[_activity(kernel, function) for function in kernel.functions.values()],
        workflow_runner=UnsandboxedWorkflowRunner(),
        sticky_queue_schedule_to_start_timeout=STICKY,
        max_heartbeat_throttle_interval=HEARTBEAT / BEATS,
        max_concurrent_activities=max_concurrent_calls,
        max_activities_per_second=calls_per_second,
        max_task_queue_activities_per_second=queue_calls_per_second,
        graceful_shutdown_timeout=timedelta(seconds=graceful),
    )


def _activity(kernel: Kernel, function: KernelFunction) -> Callable[[CallOrder], Awaitable[CallOutcome]]:
    @activity.defn(name=function.full_name)
    async def call(order: CallOrder) -> CallOutcome:
        arguments = _arguments(function, order)
        with keyed(order.key), metered() as meter:
            async with _beating():
                value = await _tried(kernel, function, arguments)
        used = meter.usage
        try:
            saved = packed(value, function.returns)
        except Unsavable as error:
            message = f"{function.full_name} gave a value that cannot be sent: {error}"
            raise ApplicationError(message, type="UnsavableValueError", non_retryable=True) from error
        return CallOutcome(saved, (used.prompt_tokens, used.completion_tokens, used.calls))

    return call


def _arguments(function: KernelFunction, order: CallOrder) -> dict[str, Any]:
    """What the call is given. A worker that cannot read it never will: such a call is not tried again."""
    types = {parameter.key: parameter.annotation for parameter in function.parameters}
    found: dict[str, Any] = {}
    for key, saved in order.arguments.items():
        try:
            found[key] = restore(saved, types[key])
        except KeyError:
            raise _unread(function, key, "this worker's function has no such parameter") from None
        except ValueError as error:
            raise _unread(function, key, reason(error)) from error
    return found


def _unread(function: KernelFunction, key: str, problem: str) -> ApplicationError:
    message = (
        f"{function.full_name} was not called: its argument {key} cannot be read here: {problem}. "
        "All workers of a queue must have the same functions."
    )
    return ApplicationError(message, type="ArgumentError", non_retryable=True)


async def _tried(kernel: Kernel, function: KernelFunction, arguments: dict[str, Any]) -> Any:
    """One try. Temporal alone tries again, as often as the function's author said."""
    try:
        return await in_time(function, kernel.call(function, arguments))
    except Exception as error:
        last = not repeatable(function) or activity.info().attempt > function.retries
        raise ApplicationError(str(error), RAISED, type=type(error).__name__, non_retryable=last) from error


@asynccontextmanager
async def _beating() -> AsyncIterator[None]:
    """Tell the server, for as long as the block runs, that this worker lives."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(HEARTBEAT.total_seconds() / BEATS)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
