"""The executor: runs a plan as a dataflow graph."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from planloom.kernel import Kernel
from planloom.planners.language.variables import variable_key
from planloom.planners.plan import Plan
from planloom.planners.running.events import Event, EventListener
from planloom.planners.running.gate import AROUND, Gate
from planloom.planners.running.limits import Limit, Limiter
from planloom.planners.running.origins import (
    InputOrigins,
    Origins,
    said_in,
    unwrapped,
    with_said,
    without_said,
)
from planloom.planners.running.policy import Approver, Policy
from planloom.planners.running.records import RunResult
from planloom.planners.running.redaction import Redaction
from planloom.planners.running.run import Run
from planloom.planners.running.run_errors import AskError
from planloom.planners.running.step_runner import KernelRunner, StepRunner
from planloom.sync import run_sync

if TYPE_CHECKING:
    from planloom.planners.running.ledger import Journal, Ledger

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
        policy: decides before every call whether it may run; None allows all. What it is sure to refuse is
            told before the first step.
        approve: puts a policy's question to a person; without it, what needs approval is refused.
        listeners: called with every event, in order, on the event loop; they must be quick.
        max_concurrency: how many steps of one run may run at once; None for no limit.
        limits: how many calls at once, and how many in a span of time, by globs over function names
            (``{"Web.*": Limit(concurrency=2)}``); for all runs of this executor together.
        timeout: seconds that a whole run may take.
        grace: seconds that writes in flight may still take once a run's time is up or it was cancelled; then
            they are cut short. None waits for them without end.
        budget: tokens that a whole run may use, prompts and answers together.
        runner: runs the calls; in this process through the kernel if left out.
        journal: remembers every run, so that it survives the end of this process.
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
        limits: Mapping[str, Limit] | None = None,
        timeout: float | None = None,
        grace: float | None = 60.0,
        budget: int | None = None,
        runner: StepRunner | None = None,
        journal: Journal | None = None,
    ) -> None:
        if max_concurrency is not None and max_concurrency < 1:
            raise ValueError("max_concurrency must be 1 or more")
        self.kernel = kernel
        self.ask, self.policy, self.approve = ask, policy, approve
        self.listeners = tuple(listeners)
        self.max_concurrency, self.budget = max_concurrency, budget
        self.timeout, self.grace = timeout, grace
        self.limiter = Limiter(limits) if limits else None
        self.runner = runner or KernelRunner(kernel)
        self.journal = journal
        self.watchful = True
        """Whether to watch for a blocked event loop; an engine whose clock is not real has it off."""

    async def run(
        self, plan: Plan, variables: Mapping[str, Any] | None = None, *, run_id: str | None = None
    ) -> RunResult:
        """Run a plan to its end.

        Args:
            plan: a checked plan.
            variables: the plan's inputs by name, ``INPUT`` among them; names ignore case. One that is not the
                user's own word, or a secret, is given as ``Sourced(value, ...)``.
            run_id: the run's name in the journal; a new one is made if left out.

        Raises:
            PlanError: an input is missing, or the policy denies a step; nothing was run.
            AskError: the plan asks the user and there is no ``ask`` handler; nothing was run.
            StepError: a step failed; it carries the step and all that was done.
            RunTimeoutError: the run took too long.
            RunWaiting: the journal keeps a question that nobody has answered yet; ``resume`` goes on.
            UnsavableValueError: a value cannot be kept in the journal.
            JournalError: the journal cannot be used, or has a run of that id.
        """
        return await self.start(plan, variables, run_id=run_id).go()

    def run_sync(
        self, plan: Plan, variables: Mapping[str, Any] | None = None, *, run_id: str | None = None
    ) -> RunResult:
        """``run`` for scripts and notebooks."""
        return run_sync(self.run(plan, variables, run_id=run_id))

    async def resume(self, run_id: str, *, plan: Plan | None = None, wait: float = 0.0) -> RunResult:
        """Go on with a run of the journal: what was finished is not done again.

        Args:
            run_id: the run's name.
            plan: the plan that the run must have begun with; the journal's own if left out.
            wait: seconds to wait for another process that is running it.

        Raises:
            InDoubtError: writes were begun and nobody knows whether they happened; say so first.
            RunChangedError: the plan or its functions are not what the run began with.
            RunOwnedError: another process is running it.
            JournalError: there is no such run, it was cancelled, or the journal cannot be used.
            RunError: as for ``run``.
        """
        from planloom.planners.journal.resuming import resumed

        return await (await resumed(self, run_id, plan, wait)).go()

    def resume_sync(self, run_id: str, *, plan: Plan | None = None, wait: float = 0.0) -> RunResult:
        """``resume`` for scripts and notebooks."""
        return run_sync(self.resume(run_id, plan=plan, wait=wait))

    async def stream(
        self, plan: Plan, variables: Mapping[str, Any] | None = None, *, run_id: str | None = None
    ) -> AsyncIterator[Event]:
        """Run a plan, giving each event as it happens; the last is ``plan-finished``.

        A run that fails raises after its last event, as ``run`` does. Leaving the loop early cancels the run.
        """
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        run = self.start(plan, variables, events.put_nowait, run_id=run_id)
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
        *,
        run_id: str | None = None,
    ) -> Run:
        """A run that is checked and ready: await ``go()``; ``cancel()`` stops it.

        Raises what ``run`` raises before the first step.
        """
        _check_types(plan, variables)
        given, said = unwrapped(variables or {})
        around = AROUND.get()
        inputs = {variable_key(name): value for name, value in given.items()}
        plan.check_inputs(inputs)
        self._check_asks(plan, inputs)
        said = around.origins(said, inputs) if around else said
        gate, redaction = self._guards(plan, inputs, said)
        ledger = self._ledger(plan, given, said, run_id)
        emit = _all((*self.listeners, listener) if listener else self.listeners)
        emit = redaction.listener(emit) if redaction and emit else emit
        return Run(self, plan, given, inputs, emit, ledger, gate, redaction)

    def _guards(
        self, plan: Plan, inputs: Mapping[str, Any], said: InputOrigins
    ) -> tuple[Gate | None, Redaction | None]:
        """What stands between the plan and the world; nothing when there is no policy and no secret."""
        around = AROUND.get()
        origins = Origins(plan, said)
        if self.policy is None and around is None and not origins.any_secret:
            return None, None
        outer = around.layers if around else ()
        layers = (*outer, (self.policy, self.approve)) if self.policy else outer
        gate = Gate(origins, layers, inputs)
        gate.check()
        return gate, Redaction(origins) if origins.any_secret else None

    def resumed_run(
        self, plan: Plan, given: Mapping[str, Any], inputs: Mapping[str, Any], ledger: Ledger
    ) -> Run:
        """A run that goes on with what ``ledger`` holds; ``resume`` is what callers want."""
        said = said_in(given)
        gate, _ = self._guards(plan, inputs, said)
        return Run(self, plan, without_said(given), inputs, _all(self.listeners), ledger, gate)

    def _ledger(
        self, plan: Plan, given: Mapping[str, Any], said: InputOrigins, run_id: str | None
    ) -> Ledger | None:
        if self.journal is not None:
            _require_no_secrets(Origins(plan, said))
            return self.journal.ledger(plan, with_said(given, said), self.policy, run_id)
        if run_id is not None:
            raise ValueError("a run has an id in a journal only: give Executor(journal=...)")
        return None

    def _check_asks(self, plan: Plan, inputs: Mapping[str, Any]) -> None:
        if self.ask is not None or self.journal is not None or not plan.program.asks:
            return
        asked = [f"${unit.step.sets}" for unit in plan.program.asks if unit.known_as not in inputs]
        if asked:
            raise AskError(
                f"the plan asks for {', '.join(asked)} and nobody answers: "
                "give Executor(ask=...), or supply the values as inputs.",
                plan,
            )


def _require_no_secrets(origins: Origins) -> None:
    if origins.any_secret:
        from planloom.planners.journal.errors import UnsavableValueError

        raise UnsavableValueError(
            ", ".join(sorted(origins.secret_names())),
            "is secret, and a journal would keep it: run it without a journal, or let the skill hold it",
        )


def _check_types(plan: object, variables: object) -> None:
    if not isinstance(plan, Plan):
        raise TypeError(f"a Plan is run, not {type(plan).__name__}: make one with Plan.parse(text, kernel)")
    if variables is not None and not isinstance(variables, Mapping):
        kind = type(variables).__name__
        raise TypeError(f"inputs are given by name, not as {kind}: {{'INPUT': …}}")


def _all(listeners: Sequence[EventListener]) -> EventListener | None:
    if len(listeners) <= 1:
        return listeners[0] if listeners else None

    def emit(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return emit
