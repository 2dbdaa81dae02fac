"""One run of a plan on asyncio: workers run the steps that the scheduler lets start.

A worker goes on with the next step itself, so a chain of steps costs one task, and a step starts the moment
its last need is met: nothing waits for a level or for a loop that polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

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
from planloom.planners.running.failure import step_error, told
from planloom.planners.running.outcome import results_of, variables_of
from planloom.planners.running.policy import CallRequest, Denied, NeedsApproval
from planloom.planners.running.records import RunResult, StepRecord, StepStatus
from planloom.planners.running.run_errors import (
    NotAllowed,
    RunCancelled,
    RunError,
    RunTimeoutError,
)
from planloom.planners.running.scheduler import Scheduler, StepCall
from planloom.prompt_function import OUTPUT_SINK
from planloom.usage import Meter, metered

if TYPE_CHECKING:
    from planloom.planners.plan import Plan
    from planloom.planners.running.executor import Executor

__all__ = ["Run"]

AskHandler = Callable[[str, str], Awaitable[Any]]


class Worker:
    """A task that runs one step after another."""

    __slots__ = ("began", "call", "task")

    def __init__(self, call: StepCall) -> None:
        self.call, self.began = call, False
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()


class Run:
    """One run. ``go`` runs it to its end; ``emit`` takes its events, and is None when nobody listens."""

    def __init__(
        self,
        executor: Executor,
        plan: Plan,
        variables: Mapping[str, Any],
        inputs: Mapping[str, Any],
        emit: Callable[[Event], None] | None,
    ) -> None:
        """``inputs`` are the ``variables`` by the keys under which the plan knows them."""
        self.executor, self.plan, self.emit = executor, plan, emit
        self.variables = variables
        self.core = Scheduler(plan.program, inputs)
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
            await self.over
        except asyncio.CancelledError:
            await self._drain(loop)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    async def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for the writes that run; a second cancellation gives up on them."""
        self.over = loop.create_future()
        self._stop("cancelled")
        try:
            if self.workers:
                await self.over
        finally:
            for worker in self.workers:
                worker.cancel()

    def _stop(self, why: str) -> None:
        """Nothing new starts; what changes nothing in the world is cancelled."""
        if self.stopped is None:
            self.stopped = why
        for worker in tuple(self.workers):
            if not worker.began:
                worker.cancel()
                self._leave(worker)  # it never reaches the end of _work
            elif not _writes(worker.call):
                worker.cancel()

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

    async def _work(self, worker: Worker) -> None:
        ready = self.core.ready
        worker.began = True
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
        results, lines = results_of(self.core)
        return RunResult(
            text="\n".join(lines),
            results=results,
            variables=variables_of(self.core, self.variables),
            steps=tuple(self.records),
            usage=self.meter.usage,
        )

    # -- why it did not finish ---------------------------------------------------------------------------

    def _cause(self) -> BaseException | None:
        return self.core.faults[0].error if self.core.faults else None

    def _error(self) -> RunError | None:
        done = tuple(self.records)
        if self.core.faults:
            return step_error(self.core.faults[0], self.plan, done)
        if self.stopped == "timeout":
            return RunTimeoutError(
                f"the run took longer than {self.executor.timeout} s; {told(done)}", self.plan, done
            )
        if self.stopped is not None:
            return RunCancelled(f"the run was cancelled; {told(done)}", self.plan, done)
        return None


def _writes(call: StepCall) -> bool:
    function = call.step.function
    return function is not None and function.effect == "write"


def _interruptible(call: StepCall) -> bool:
    function = call.step.function
    return function is None or function.is_async


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
