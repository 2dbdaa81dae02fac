"""The executor: runs a plan as a dataflow graph."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from planloom.kernel import Kernel
from planloom.planners.language.variables import variable_key
from planloom.planners.plan import Plan
from planloom.planners.running.events import Event, EventListener
from planloom.planners.running.policy import Approver, Policy
from planloom.planners.running.records import RunResult
from planloom.planners.running.run import Run
from planloom.planners.running.run_errors import AskError
from planloom.planners.running.step_runner import KernelRunner, StepRunner
from planloom.sync import run_sync

__all__ = ["AskHandler", "Executor"]

AskHandler = Callable[[str, str], Awaitable[Any]]
"""Answers an ``<ask>``: the question and the variable's name; gives the value."""


class Executor:
    """Runs plans over a kernel's functions.

    A step starts as soon as everything that it needs is done, and the outcome is the same as running one
    step at a time in document order. One executor may run many plans at the same time.

    Args:
        kernel: where the functions are.
        ask: answers the plan's ``<ask>`` elements.
        policy: decides before every call whether it may run; None allows all.
        approve: puts a policy's question to a person; without it, what needs approval is refused.
        listeners: called with every event, in order, on the event loop; they must be quick.
        max_concurrency: how many steps may run at once; None for no limit.
        timeout: seconds that a whole run may take.
        budget: tokens that a whole run may use, prompts and answers together.
        runner: runs the calls; in this process through the kernel if left out.
    """

    def __init__(
        self,
        kernel: Kernel,
        *,
        ask: AskHandler | None = None,
        policy: Policy | None = None,
        approve: Approver | None = None,
        listeners: Sequence[EventListener] = (),
        max_concurrency: int | None = None,
        timeout: float | None = None,
        budget: int | None = None,
        runner: StepRunner | None = None,
    ) -> None:
        if max_concurrency is not None and max_concurrency < 1:
            raise ValueError("max_concurrency must be 1 or more")
        self.kernel = kernel
        self.ask, self.policy, self.approve = ask, policy, approve
        self.listeners = tuple(listeners)
        self.max_concurrency, self.timeout, self.budget = max_concurrency, timeout, budget
        self.runner = runner or KernelRunner(kernel)

    async def run(self, plan: Plan, variables: Mapping[str, Any] | None = None) -> RunResult:
        """Run a plan to its end.

        Args:
            plan: a checked plan.
            variables: the plan's inputs by name, ``INPUT`` among them; names ignore case.

        Raises:
            PlanError: an input is missing; nothing was run.
            AskError: the plan asks the user and there is no ``ask`` handler; nothing was run.
            StepError: a step failed; it carries the step and all that was done.
            RunTimeoutError: the run took too long.
        """
        return await self.start(plan, variables).go()

    def run_sync(self, plan: Plan, variables: Mapping[str, Any] | None = None) -> RunResult:
        """``run`` for scripts and notebooks."""
        return run_sync(self.run(plan, variables))

    async def stream(self, plan: Plan, variables: Mapping[str, Any] | None = None) -> AsyncIterator[Event]:
        """Run a plan, giving each event as it happens; the last is ``plan-finished``.

        A run that fails raises after its last event, as ``run`` does. Leaving the loop early cancels the run.
        """
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        run = self.start(plan, variables, events.put_nowait)
        task = asyncio.create_task(run.go())
        task.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def start(
        self,
        plan: Plan,
        variables: Mapping[str, Any] | None = None,
        listener: EventListener | None = None,
    ) -> Run:
        """A run that is checked and ready: await ``go()``; ``cancel()`` stops it.

        Raises what ``run`` raises before the first step.
        """
        given = dict(variables or {})
        inputs = {variable_key(name): value for name, value in given.items()}
        plan.check_inputs(inputs)
        self._check_asks(plan, inputs)
        listeners = (*self.listeners, listener) if listener else self.listeners
        return Run(self, plan, given, inputs, _all(listeners))

    def _check_asks(self, plan: Plan, inputs: Mapping[str, Any]) -> None:
        if self.ask is not None or not plan.program.asks:
            return
        asked = [f"${unit.step.sets}" for unit in plan.program.asks if unit.known_as not in inputs]
        if asked:
            raise AskError(
                f"the plan asks for {', '.join(asked)} and nobody answers: "
                "give Executor(ask=...), or supply the values as inputs.",
                plan,
            )


def _all(listeners: Sequence[EventListener]) -> EventListener | None:
    if len(listeners) <= 1:
        return listeners[0] if listeners else None

    def emit(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return emit
