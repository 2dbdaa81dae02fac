"""One run of a plan on asyncio: workers run the steps that the scheduler lets start.

A worker goes on with the next step itself, so a chain of steps costs one task, and a step starts the moment
its last need is met: nothing waits for a level or for a loop that polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from planloom.errors import BudgetExceededError
from planloom.planners.compiling.outline import PREVIOUS
from planloom.planners.language.references import render_text
from planloom.planners.language.variables import variable_key
from planloom.planners.running.events import (
    ApprovalRequested,
    Event,
    PlanFinished,
    PlanStarted,
    StepFailed,
    StepFinished,
    StepOutput,
    StepStarted,
)
from planloom.planners.running.policy import CallRequest, Denied, NeedsApproval
from planloom.planners.running.records import RunResult, StepRecord, StepStatus
from planloom.planners.running.run_errors import (
    RunCancelled,
    RunError,
    RunTimeoutError,
    StepBudgetError,
    StepError,
)
from planloom.planners.running.scheduler import Fault, LoopValue, Scheduler, StepCall, returned, set_value
from planloom.prompt_function import OUTPUT_SINK
from planloom.usage import Meter, metered

if TYPE_CHECKING:
    from planloom.planners.plan import Plan
    from planloom.planners.running.executor import Executor

__all__ = ["Run"]

AskHandler = Callable[[str, str], Awaitable[Any]]


class NotAllowed(Exception):
    """The policy, or the person it asked, said no; the reason is the text."""


class Worker:
    """A task that runs one step after another."""

    __slots__ = ("call", "task")

    def __init__(self, call: StepCall) -> None:
        self.call = call
        self.task: asyncio.Task[None] | None = None


class Run:
    """One run. ``go`` runs it to its end; ``emit`` takes its events, and is None when nobody listens."""

    def __init__(
        self,
        executor: Executor,
        plan: Plan,
        variables: Mapping[str, Any],
        emit: Callable[[Event], None] | None,
    ) -> None:
        self.executor, self.plan, self.emit = executor, plan, emit
        self.variables = variables
        self.core = Scheduler(plan.program, {variable_key(name): value for name, value in variables.items()})
        self.records: list[StepRecord] = []
        self.workers: set[Worker] = set()
        self.limit = executor.max_concurrency or 1 << 62
        self.stopped: str | None = None
        self.crash: Exception | None = None
        self.clock: Callable[[], float] = float
        self.over: asyncio.Future[None] | None = None
        self.meter: Meter | None = None

    # -- the whole run -----------------------------------------------------------------------------------

    async def go(self) -> RunResult:
        """Run to the end; raises what ``Executor.run`` raises."""
        self.clock = asyncio.get_running_loop().time
        began = self.clock()
        with metered(self.executor.budget) as self.meter:
            if self.emit:
                self.emit(PlanStarted(len(self.plan.steps), self.variables))
            try:
                await self._until_over()
            except asyncio.CancelledError:
                self._finished("cancelled", self.clock() - began, None)
                raise
        if self.crash is not None:
            raise self.crash
        error = self._error()
        if error is not None:
            status = "cancelled" if isinstance(error, RunCancelled) else "failed"
            self._finished(status, self.clock() - began, error)
            raise error from self._cause()
        result = self._result()
        self._finished("done", self.clock() - began, None, result.text)
        return result

    def cancel(self) -> None:
        """Stop as a failure does: writes that run are let finish. ``go`` then raises ``RunCancelled``."""
        self._stop("cancelled")

    async def _until_over(self) -> None:
        loop = asyncio.get_running_loop()
        self.over = loop.create_future()
        timeout = self.executor.timeout
        timer = loop.call_later(timeout, self._stop, "timeout") if timeout is not None else None
        self._start_more()
        if not self.workers:
            return
        try:
            await asyncio.shield(self.over)
        except asyncio.CancelledError:
            self._stop("cancelled")
            # a second cancellation gives up waiting for the writes
            await self.over if self.workers else None
            raise
        finally:
            if timer is not None:
                timer.cancel()
            for worker in self.workers:
                if worker.task is not None:
                    worker.task.cancel()

    def _stop(self, why: str) -> None:
        """Nothing new starts; what changes nothing in the world is cancelled."""
        if self.stopped is None:
            self.stopped = why
        for worker in self.workers:
            if worker.task is not None and not _writes(worker.call):
                worker.task.cancel()

    # -- workers -----------------------------------------------------------------------------------------

    def _start_more(self) -> None:
        while (call := self._take()) is not None:
            self._hire(call)

    def _take(self) -> StepCall | None:
        if self.stopped is not None or len(self.workers) >= self.limit:
            return None
        return self._next()

    def _next(self) -> StepCall | None:
        call = self.core.take()
        if call is None and self.core.faults:
            self._stop("failed")
        return call

    def _hire(self, call: StepCall) -> None:
        worker = Worker(call)
        self.workers.add(worker)
        worker.task = asyncio.create_task(self._work(worker))
        # a task that is cancelled before it begins never reaches the end of _work
        worker.task.add_done_callback(lambda _: self._leave(worker))

    async def _work(self, worker: Worker) -> None:
        ready = self.core.ready
        try:
            while True:
                await self._perform(worker.call)
                following = self._next() if self.stopped is None else None
                if following is None:
                    return
                worker.call = following
                if ready:
                    self._start_more()
        except Exception as error:  # noqa: BLE001 - a listener's error, or our own: it must not be lost
            self.crash = self.crash or error
            self._stop("crashed")
        finally:
            self._leave(worker)

    def _leave(self, worker: Worker) -> None:
        self.workers.discard(worker)
        if not self.workers and self.over is not None and not self.over.done():
            self.over.set_result(None)

    async def _perform(self, call: StepCall) -> None:
        began = self.clock()
        if self.emit:
            self.emit(StepStarted(call.id, call.step.name, call.arguments))
        try:
            value = await self._outcome(call)
        except asyncio.CancelledError as error:
            if self.stopped is None and not _being_cancelled():
                self._failed(call, error, self.clock() - began)  # the function cancelled itself
                return
            status: StepStatus = "cancelled" if _interruptible(call) else "still-running"
            self._record(call, None, status, self.clock() - began)
            raise
        except BaseException as error:  # noqa: BLE001 - a function may raise SystemExit; the run must say so
            self._failed(call, error, self.clock() - began)
        else:
            seconds = self.clock() - began
            self.core.done(call, value)
            self._record(call, value, "done", seconds)
            if self.emit:
                self.emit(StepFinished(call.id, call.step.name, value, seconds))

    async def _outcome(self, call: StepCall) -> Any:
        if call.step.function is None:
            assert self.executor.ask is not None
            return await self.executor.ask(str(call.arguments["question"]), call.step.sets or "")
        if self.executor.policy is not None:
            await self._permit(call)
        if call.step.function.kind == "prompt" and self.emit is not None:
            return await self._shown(call)
        return await self.executor.runner.run(call)

    async def _permit(self, call: StepCall) -> None:
        """Ask the policy, and the person it names; raises ``NotAllowed``."""
        function = call.step.function
        assert function is not None
        assert self.executor.policy is not None
        names = {parameter.key: parameter.name for parameter in function.parameters}
        arguments = {names[key]: value for key, value in call.arguments.items()}
        request = CallRequest(call.id, function, arguments)
        decision = self.executor.policy.decide(request)
        if isinstance(decision, Denied):
            raise NotAllowed(f"the policy denies it: {decision.reason}")
        if isinstance(decision, NeedsApproval):
            if self.emit:
                self.emit(ApprovalRequested(call.id, function.full_name, arguments, decision.reason))
            if self.executor.approve is None or not await self.executor.approve(request, decision.reason):
                raise NotAllowed(f"it was not approved: {decision.reason}")

    async def _shown(self, call: StepCall) -> Any:
        """Run a prompt function, passing on its text while the model writes it."""
        emit = self.emit
        assert emit is not None
        identity, name = call.id, call.step.name
        token = OUTPUT_SINK.set(lambda text: emit(StepOutput(identity, name, text)))
        try:
            return await self.executor.runner.run(call)
        finally:
            OUTPUT_SINK.reset(token)

    # -- what is kept ------------------------------------------------------------------------------------

    def _record(self, call: StepCall, value: Any, status: StepStatus, seconds: float) -> None:
        self.records.append(StepRecord(call.id, call.step.name, call.arguments, value, status, seconds))

    def _failed(self, call: StepCall, error: BaseException, seconds: float) -> None:
        self.core.failed(call, error)
        running = "still running" in str(error) and not _interruptible(call)
        self._record(call, None, "still-running" if running else "failed", seconds)
        if self.emit:
            self.emit(StepFailed(call.id, call.step.name, error, seconds, running))

    def _finished(self, status: Any, seconds: float, error: BaseException | None, text: str = "") -> None:
        if self.emit and self.meter is not None:
            self.emit(PlanFinished(status, text, self.meter.usage, seconds, error))

    def _result(self) -> RunResult:
        assert self.meter is not None
        results, lines = _results(self.core)
        return RunResult(
            text="\n".join(lines),
            results=results,
            variables=_variables(self.core, self.plan, self.variables),
            steps=tuple(self.records),
            usage=self.meter.usage,
        )

    # -- why it did not finish ---------------------------------------------------------------------------

    def _cause(self) -> BaseException | None:
        return self.core.faults[0].error if self.core.faults else None

    def _error(self) -> RunError | None:
        done = tuple(self.records)
        if self.core.faults:
            return _step_error(self.core.faults[0], self.plan, done)
        if self.stopped == "timeout":
            return RunTimeoutError(
                f"the run took longer than {self.executor.timeout} s; {_told(done)}", self.plan, done
            )
        if self.stopped is not None:
            return RunCancelled(f"the run was cancelled; {_told(done)}", self.plan, done)
        return None


def _step_error(fault: Fault, plan: Plan, done: tuple[StepRecord, ...]) -> StepError:
    step = fault.call.id if fault.call else ""
    where = f"step {step} ({fault.what})" if step else fault.what
    cause = fault.error
    kind = "" if isinstance(cause, NotAllowed) else f"{type(cause).__name__}: "
    message = f"{where}, line {fault.place.line}, failed: {kind}{cause}. {_told(done)}"
    arguments = fault.call.arguments if fault.call else {}
    if isinstance(cause, BudgetExceededError):
        stopped = StepBudgetError(message, plan, done, step=step, name=fault.what, arguments=arguments)
        stopped.used, stopped.budget = cause.used, cause.budget
        return stopped
    return StepError(message, plan, done, step=step, name=fault.what, arguments=arguments)


def _told(done: tuple[StepRecord, ...]) -> str:
    finished = [record for record in done if record.status == "done"]
    running = [record for record in done if record.status == "still-running"]
    told = f"{len(finished)} calls were done before"
    if running:
        told += f"; still running in threads: {', '.join(f'{r.step} ({r.name})' for r in running)}"
    return told


def _writes(call: StepCall) -> bool:
    function = call.step.function
    return function is not None and function.effect == "write"


def _interruptible(call: StepCall) -> bool:
    function = call.step.function
    return function is None or function.is_async


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _results(core: Scheduler) -> tuple[dict[str, Any], list[str]]:
    """The named results, and the lines of the run's text."""
    found = returned(core.top)
    results: dict[str, Any] = {}
    many: set[str] = set()
    lines: list[str] = []
    for name, value, is_list in found:
        if name in results:
            before = results[name] if name in many else [results[name]]
            results[name] = before + (value if is_list else [value])
            many.add(name)
        else:
            results[name] = value
            many |= {name} if is_list else set()
        lines += [render_text(item) for item in value] if is_list else [render_text(value)]
    if not results:
        lines = _last_lines(core)
    return results, lines


def _last_lines(core: Scheduler) -> list[str]:
    exports = dict(core.program.variables)
    for unit, export in exports.get(PREVIOUS, ()):
        if core.top.state[unit] == 1:
            value = core.top.values[unit]
            if isinstance(value, LoopValue):
                return [render_text(item) for item in value[export or PREVIOUS]]
            return [render_text(value)]
    return [""]


def _variables(core: Scheduler, plan: Plan, given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs, and what was set, in the plan's spelling."""
    spelled = {variable_key(step.sets): step.sets for step in reversed(plan.steps) if step.sets}
    found = dict(given)
    for name, units in core.program.variables:
        if name != PREVIOUS and any(core.top.state[unit] == 1 for unit, _ in units):
            found[spelled.get(name, name)] = set_value(core.top, units)
    return found
