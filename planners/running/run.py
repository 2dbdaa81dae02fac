"""One run of a plan on asyncio: workers run the steps that the scheduler lets start.

A worker goes on with the next step itself, so a chain of steps costs one task, and a step starts the moment
its last need is met: nothing waits for a level or for a loop that polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from planloom.errors import FunctionTimeoutError
from planloom.idempotency import idempotency_key, keyed
from planloom.planners.running.events import (
    ApprovalRequested,
    Event,
    PlanFinished,
    PlanStarted,
    StepFailed,
    StepFinished,
    StepOutput,
    StepRestored,
    StepStarted,
)
from planloom.planners.running.failure import step_error, told
from planloom.planners.running.ledger import Ledger, LedgerFault, Parked
from planloom.planners.running.outcome import results_of, variables_of
from planloom.planners.running.policy import Approver, CallRequest
from planloom.planners.running.records import RunResult, StepRecord, StepStatus
from planloom.planners.running.run_errors import RunCancelled, RunDepthError, RunError, RunTimeoutError
from planloom.planners.running.scheduler import Fault, Scheduler, StepCall
from planloom.planners.running.watch import LoopWatch
from planloom.prompt_function import OUTPUT_SINK
from planloom.usage import Meter, metered

if TYPE_CHECKING:
    from planloom.function import KernelFunction
    from planloom.planners.plan import Plan
    from planloom.planners.running.executor import Executor
    from planloom.planners.running.gate import Gate
    from planloom.planners.running.limits import Turn
    from planloom.planners.running.redaction import Redaction

__all__ = ["Run"]

AskHandler = Callable[[str, str], Awaitable[Any]]


MOST_RUNS_DEEP = 32
LAST_MOMENT = 1.0
"""Seconds that a call may take to clean up once it is cancelled for good."""


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
        ledger: Ledger | None = None,
        gate: Gate | None = None,
        redaction: Redaction | None = None,
    ) -> None:
        """``inputs`` are the ``variables`` by the keys under which the plan knows them."""
        self.executor, self.plan, self.emit = executor, plan, emit
        self.variables, self.ledger = variables, ledger
        self.gate, self.limiter, self.redaction = gate, executor.limiter, redaction
        self.guarded = gate is not None or executor.limiter is not None
        self.core = Scheduler(plan.program, inputs)
        self.records: list[StepRecord] = []
        # a dict: the order in which workers are stopped can be seen, and that of a set changes
        self.workers: dict[Worker, None] = {}
        self.held: dict[int, StepCall] = {}
        """The calls that wait for permission or for their turn, by identity: they have not begun."""
        self.turns: dict[int, Turn] = {}
        self.limit = executor.max_concurrency or 1 << 62
        self.stopped: str | None = None
        self.parked = False
        self.outer_key: str | None = None
        self.crash: Exception | None = None
        self.clock: Callable[[], float] = float
        self.over: asyncio.Future[None] | None = None
        self.patience: asyncio.TimerHandle | None = None
        self.meter: Meter | None = None

    # -- the whole run -----------------------------------------------------------------------------------

    async def go(self) -> RunResult:
        """Run to the end; raises what ``Executor.run`` raises."""
        return await (self._go() if self.ledger is None else self.ledger.around(self, self._go))

    async def _go(self) -> RunResult:
        self.clock = asyncio.get_running_loop().time
        began = self.clock()
        with metered(self.executor.budget) as self.meter:
            if self.meter.depth > MOST_RUNS_DEEP:
                raise RunDepthError(MOST_RUNS_DEEP, self.plan)
            if self.ledger is not None:
                self.meter.add(self.ledger.spent)
            else:
                self.outer_key = idempotency_key()
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
        self._end("cancelled")

    async def _until_over(self) -> None:
        loop = asyncio.get_running_loop()
        self.over = loop.create_future()
        timeout = self.executor.timeout
        timer = loop.call_later(timeout, self._end, "timeout") if timeout is not None else None
        self._start_more()
        watch = LoopWatch(self._suspects) if self.executor.watchful else None
        try:
            if self.workers:
                await self.over
        except asyncio.CancelledError:
            await self._drain(loop)
            raise
        finally:
            if watch is not None:
                watch.stop()
            for waiting in (timer, self.patience):
                if waiting is not None:
                    waiting.cancel()

    def _suspects(self, late: float) -> Iterator[str]:
        """The async steps that ran while the event loop stood still for ``late`` seconds."""
        functions = {step.label: step.function for step in self.plan.steps if step.function}
        ended = [record.step for record in self.records if record.seconds >= late]
        for label in (*(worker.call.step.label for worker in self.workers), *ended):
            function = functions.get(label.partition("[")[0])
            if function is not None and function.is_async:
                yield function.full_name

    async def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for the writes that run; a second cancellation gives up on them."""
        self.over = loop.create_future()
        self._end("cancelled")
        try:
            if self.workers:
                await self.over
        finally:
            for worker in self.workers:
                worker.cancel()

    def _end(self, why: str) -> None:
        """Stop, and wait for the writes that run no longer than the executor's ``grace``."""
        self._stop(why)
        grace = self.executor.grace
        if self.workers and grace is not None and self.patience is None:
            self.patience = asyncio.get_running_loop().call_later(grace, self._give_up)

    def _give_up(self) -> None:
        for worker in tuple(self.workers):
            worker.cancel()
        self.patience = asyncio.get_running_loop().call_later(LAST_MOMENT, self._abandon)

    def _abandon(self) -> None:
        """Leave behind the calls that do not heed being cancelled, and say that they are still running."""
        for worker in tuple(self.workers):
            self._record(worker.call, None, "still-running", LAST_MOMENT)
            self._leave(worker)

    def _stop(self, why: str) -> None:
        """Nothing new starts; what changes nothing in the world is cancelled."""
        if self.stopped is None:
            self.stopped = why
        for worker in tuple(self.workers):
            if not worker.began:
                worker.cancel()
                self._leave(worker)  # it never reaches the end of _work
            elif id(worker.call) in self.held or not _writes(worker.call):
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
        if self.ledger is not None:
            call = self._first_new(call, self.ledger)
        if call is None and self.core.faults:
            self._stop("failed")
        return call

    def _first_new(self, call: StepCall | None, ledger: Ledger) -> StepCall | None:
        """The first call that is yet to be made: what the journal holds is not done again."""
        while call is not None and (past := ledger.recorded(call)) is not None:
            self.core.done(call, past.value)
            self._record(call, past.value, "done", past.seconds)
            if self.emit:
                self.emit(StepRestored(call.id, call.step.name, past.value, past.seconds))
            call = self.core.take()
        return call

    def crashed(self, error: Exception) -> None:
        """Stop, because the run itself cannot go on; ``go`` then raises ``error``."""
        self.crash = self.crash or error
        self._stop("crashed")

    def _hire(self, call: StepCall) -> None:
        worker = Worker(call)
        self.workers[worker] = None
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
            self.crashed(error.error if isinstance(error, LedgerFault) else error)
        finally:
            self._leave(worker)

    def _leave(self, worker: Worker) -> None:
        self.workers.pop(worker, None)
        if not self.workers and self.over is not None and not self.over.done():
            self.over.set_result(None)

    async def _perform(self, call: StepCall) -> None:
        began = self.clock()
        if self.emit:
            self.emit(StepStarted(call.id, call.step.name, call.shown))
        try:
            value = await (self._outcome(call) if self.ledger is None else self._kept(call, self.ledger))
        except asyncio.CancelledError as error:
            if self.stopped is None and not _being_cancelled():
                self._failed(call, error, self.clock() - began)  # the function cancelled itself
                return
            begun = id(call) not in self.held
            status: StepStatus = "still-running" if begun and not _interruptible(call) else "cancelled"
            self._record(call, None, status, self.clock() - began)
            raise
        except Parked:
            self.parked = True
        except LedgerFault:
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
        if self.guarded:
            return await self._guarded(call, call.step.function)
        return await self._called(call, call.step.function)

    async def _guarded(self, call: StepCall, function: KernelFunction) -> Any:
        await self._admit(call)
        try:
            return await self._called(call, function)
        finally:
            self._end_turn(call)

    async def _kept(self, call: StepCall, ledger: Ledger) -> Any:
        """The outcome, with the journal told what is about to happen and what came of it."""
        began = self.clock()
        function = call.step.function
        if function is None:
            value = await ledger.answer(call, self.executor.ask)
        else:
            if self.guarded:
                await self._admit(call)
            try:
                await self._written_down(call, ledger)
                with keyed(ledger.key(call)):
                    value = await self._called(call, function)
            finally:
                self._end_turn(call)
        assert self.meter is not None
        return await ledger.end(call, value, self.clock() - began, self.meter.usage)

    async def _written_down(self, call: StepCall, ledger: Ledger) -> None:
        """Wait for the call's intent to be kept; a run that is stopped meanwhile does not make the call."""
        self.held[id(call)] = call
        try:
            await ledger.begin(call)
            if self.stopped is not None:
                raise asyncio.CancelledError
        except asyncio.CancelledError:
            ledger.unmade(call)
            raise
        del self.held[id(call)]

    def _called(self, call: StepCall, function: KernelFunction) -> Awaitable[Any]:
        if self.outer_key is not None and function.kind == "native":
            return self._under_key(call)
        if function.kind == "prompt" and self.emit is not None:
            return self._shown(call)
        return self.executor.runner.run(call)

    async def _under_key(self, call: StepCall) -> Any:
        """Run inside a step of a durable run, whose key must not be that of several calls."""
        with keyed(f"{self.outer_key}.{call.id}"):
            return await self.executor.runner.run(call)

    async def _admit(self, call: StepCall) -> None:
        """Wait for permission, then for the call's turn; raises ``NotAllowed``."""
        assert call.step.function is not None
        self.held[id(call)] = call
        if self.gate is not None:
            await self.gate.permit(call, self._put)
        if self.limiter is not None:
            self.turns[id(call)] = await self.limiter.enter(call.step.function)
        del self.held[id(call)]

    def _end_turn(self, call: StepCall) -> None:
        turn = self.turns.pop(id(call), None)
        if turn is not None:
            turn.leave()

    async def _put(self, request: CallRequest, reason: str, approve: Approver | None) -> bool:
        """Put a policy's question, by way of the journal if there is one."""
        if self.emit:
            self.emit(ApprovalRequested(request.step, request.function.full_name, request.arguments, reason))
        if self.ledger is not None:
            return await self.ledger.approval(request, reason, approve)
        return approve is not None and await approve(request, reason)

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
        self.records.append(StepRecord(call.id, call.step.name, call.shown, value, status, seconds))

    def _failed(self, call: StepCall, error: BaseException, seconds: float) -> None:
        self.core.failed(call, error)
        if self.ledger is not None:
            self.ledger.failed(call, error)
        running = isinstance(error, FunctionTimeoutError) and error.still_running
        self._record(call, None, "still-running" if running else "failed", seconds)
        if self.emit:
            self.emit(StepFailed(call.id, call.step.name, error, seconds, running))

    def _finished(self, status: Any, seconds: float, error: BaseException | None, text: str = "") -> None:
        if self.emit and self.meter is not None:
            self.emit(PlanFinished(status, text, self.meter.usage, seconds, error))
        self.emit = None  # it is the last event, whatever a call that was left behind still does

    def _result(self) -> RunResult:
        assert self.meter is not None
        results, lines = results_of(self.core)
        return RunResult(
            text="\n".join(lines),
            results=results,
            variables=variables_of(self.core, self.variables),
            steps=self._done(),
            usage=self.meter.usage,
            secret=self.redaction.names(self.variables) if self.redaction else frozenset(),
            text_is_secret=self.redaction is not None and self.redaction.origins.secret_text(),
        )

    # -- why it did not finish ---------------------------------------------------------------------------

    def _cause(self) -> BaseException | None:
        fault = self._fault()
        return fault.error if fault else None

    def _fault(self) -> Fault | None:
        if not self.core.faults:
            return None
        return self.redaction.fault(self.core.faults[0]) if self.redaction else self.core.faults[0]

    def _done(self) -> tuple[StepRecord, ...]:
        return tuple(map(self.redaction.record, self.records) if self.redaction else self.records)

    def _error(self) -> RunError | None:
        done = self._done()
        fault = self._fault()
        if fault is not None:
            return step_error(fault, self.plan, done)
        if self.stopped == "timeout":
            return RunTimeoutError(
                f"the run took longer than {self.executor.timeout} s; {told(done)}", self.plan, done
            )
        if self.stopped is not None:
            return RunCancelled(f"the run was cancelled; {told(done)}", self.plan, done)
        return self.ledger.waiting(self) if self.parked and self.ledger is not None else None


def _writes(call: StepCall) -> bool:
    function = call.step.function
    return function is not None and function.effect == "write"


def _interruptible(call: StepCall) -> bool:
    function = call.step.function
    return function is None or function.is_async


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
