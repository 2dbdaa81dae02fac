"""What a journal keeps of one run while it runs: queued as it happens, written a loop turn at a time.

Only two things wait for the disk: a write, until its intent is there, and the end of the run. All else is
written in the order in which it happened, so whatever depends on a result is on disk after it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from planloom.function import KernelFunction
from planloom.planners.journal.entries import Entry, Kind, Packer, append
from planloom.planners.journal.errors import (
    JournalError,
    LeaseLostError,
    RunWaiting,
    UnsavableValueError,
)
from planloom.planners.journal.history import History, Question
from planloom.planners.journal.rows import Hold, RunStatus, renew, rest
from planloom.planners.journal.values import Unsavable, save, shown_json
from planloom.planners.running.ledger import LedgerFault, Parked, Recorded
from planloom.planners.running.policy import Approver, CallRequest
from planloom.planners.running.records import RunResult
from planloom.planners.running.run_errors import RunCancelled, RunError, RunTimeoutError
from planloom.planners.running.scheduler import StepCall
from planloom.services.protocol import Usage

if TYPE_CHECKING:
    from planloom.planners.journal.sqlite import SqliteJournal
    from planloom.planners.running.run import Run

__all__ = ["RunLedger"]

CROWD = 1000
"""Entries not yet written above which a run waits for the disk."""

Begin = Callable[[sqlite3.Connection], Hold]


class RunLedger:
    """One run of a journal, held by this process.

    Args:
        journal: where it is written.
        run_id: the run's name.
        plan_hash: of the plan's text; part of every idempotency key.
        contents: a hash of what the run begins with, for one that begins.
        begin: makes the run's row, or is None for a run that ``hold`` holds already.
        history: what earlier processes wrote.
        values: the outcomes of steps that they finished.
    """

    def __init__(
        self,
        journal: SqliteJournal,
        run_id: str,
        plan_hash: str,
        *,
        contents: str = "",
        begin: Begin | None = None,
        hold: Hold | None = None,
        history: History | None = None,
        values: Mapping[str, Recorded] | None = None,
    ) -> None:
        self.journal, self.run_id, self.plan_hash = journal, run_id, plan_hash
        self.history = history or History()
        self.values = dict(values or {})
        self.spent = Usage(*self.history.tokens)
        self.hold = hold
        self.deadline = journal.clock.steady() + journal.lease
        self._begin, self._contents = begin, contents
        self._run: Run | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fault: JournalError | None = None
        self._used = self.spent
        self._parked: dict[str, Question] = {}
        self._entries: list[Entry] = []
        self._batch: asyncio.Future[None] | None = None
        self._unwritten = 0

    # -- the whole run -----------------------------------------------------------------------------------

    async def around(self, run: Run, go: Callable[[], Awaitable[RunResult]]) -> RunResult:
        """Run it, with its beginning and its end written down; raises what ``Executor.run`` raises."""
        self._run, self._loop = run, asyncio.get_running_loop()
        await self._open()
        try:
            result = await go()
        except RunError as error:
            await self._close(_status(error), error)
            raise
        except BaseException as error:
            # what stopped it must be told, whether or not the journal can still be written
            with suppress(JournalError):
                await self._close("stopped", error)
            raise
        await self._close("done", None, result.text)
        return RunResult(
            result.text, result.results, result.variables, result.steps, result.usage, run_id=self.run_id
        )

    async def _open(self) -> None:
        if self._begin is not None:
            self.hold = await asyncio.wrap_future(self.journal.submit(self._begin))
            self._add(Packer().put("contents", self._contents), "began")
        else:
            self._add(Packer(), "resumed")
        self.journal.held.add(self)

    async def _close(self, status: RunStatus, error: BaseException | None, text: str = "") -> None:
        packer = Packer(self.journal.blob_limit).put("status", status)
        if error is not None:
            packer.put("error", type(error).__name__).put("message", str(error))
        else:
            packer.put_value(save(text).text)
        self._add(packer, "ended")
        self.journal.held.discard(self)
        entries, batch = self._taken()
        written = self.journal.submit(lambda connection: self._write(connection, entries, status))
        written.add_done_callback(lambda _: None)
        try:
            await asyncio.shield(asyncio.wrap_future(written))
        finally:
            if not batch.done():
                batch.set_result(None)
        if self._fault is not None:
            raise self._fault

    # -- steps -------------------------------------------------------------------------------------------

    def recorded(self, call: StepCall) -> Recorded | None:
        """The outcome of a step that an earlier process finished, given once."""
        return self.values.pop(call.id, None) if self.values else None

    def key(self, call: StepCall) -> str:
        """A hash of run, plan and step: the same however often the step is tried."""
        return _hash(self.run_id, self.plan_hash, call.id)

    async def begin(self, call: StepCall) -> None:
        """For a write, wait until its intent is on disk and this process may still act on it."""
        function = call.step.function
        assert function is not None
        self._require_working()
        if function.effect != "write":
            return
        packer = self._packer().put("name", function.full_name).put("idempotent", function.idempotent)
        self._add(packer.put_arguments(_shown_arguments(function, call)), "intent", call)
        await self._settled()
        if self.journal.clock.steady() >= self.deadline:
            raise LedgerFault(self._lost())

    async def end(self, call: StepCall, value: Any, seconds: float, used: Usage) -> None:
        """Queue a step's value; raises ``UnsavableValueError``."""
        function = call.step.function
        try:
            saved = save(value, function.returns if function is not None else Any)
        except Unsavable as error:
            name = function.full_name if function is not None else call.step.name
            raise UnsavableValueError(name, f"gave a value that the journal cannot keep: {error}") from error
        packer = self._packer().put("name", call.step.name)
        packer.put_value(saved.text).put("seconds", round(seconds, 6))
        if saved.typed:
            packer.put("typed", True)
        if used != self._used:
            self._used = used
            packer.put("tokens", (used.prompt_tokens, used.completion_tokens, used.calls))
        self._add(packer, "done", call)
        if self._unwritten > CROWD:
            await self._settled()

    def failed(self, call: StepCall, error: BaseException) -> None:
        packer = self._packer().put("name", call.step.name)
        self._add(packer.put("error", type(error).__name__).put("message", str(error)), "failed", call)

    # -- people ------------------------------------------------------------------------------------------

    async def approval(self, request: CallRequest, reason: str, approve: Approver | None) -> bool:
        """A person's word on exactly this call: one given before, or ``approve``'s, or ``Parked``."""
        fingerprint = _hash(request.fingerprint, reason)
        if (request.step, fingerprint) in self.history.answers:
            return self.history.answers[request.step, fingerprint] is True
        name = request.function.full_name
        question = Question(
            request.step, "approval", name, reason, _shown(request), fingerprint, self.journal.clock.wall()
        )
        self._ask(question)
        if approve is None:
            raise Parked
        word = await approve(request, reason) is True
        self._answered(question, word)
        return word

    async def answer(self, call: StepCall, ask: Callable[[str, str], Awaitable[Any]] | None) -> Any:
        """The value that an ``<ask>`` asks for: one given before, or ``ask``'s, or ``Parked``."""
        text, variable = str(call.arguments["question"]), call.step.sets or ""
        fingerprint = _hash(variable, text)
        if (call.id, fingerprint) in self.history.answers:
            return self.history.answers[call.id, fingerprint]
        question = Question(call.id, "ask", variable, text, {}, fingerprint, self.journal.clock.wall())
        self._ask(question)
        if ask is None:
            raise Parked
        return await ask(text, variable)

    def waiting(self, run: Run) -> RunError:
        """Why a run ends whose steps are parked."""
        return RunWaiting(self.run_id, run.plan, tuple(self._parked.values()), tuple(run.records))

    def _ask(self, question: Question) -> None:
        self._parked[question.step] = question
        known = self.history.questions.get(question.step)
        if known is not None and known.fingerprint == question.fingerprint:
            return
        packer = self._packer().put("about", question.about).put("name", question.name)
        packer.put("text", question.text).put("fingerprint", question.fingerprint)
        if question.arguments:
            packer.put("arguments", question.arguments)
        self._add(packer, "question", question.step)

    def _answered(self, question: Question, value: bool) -> None:
        del self._parked[question.step]
        packer = self._packer().put("fingerprint", question.fingerprint).put("value", value)
        self._add(packer, "answer", question.step)

    # -- writing -----------------------------------------------------------------------------------------

    def _packer(self) -> Packer:
        return Packer(self.journal.blob_limit)

    def _add(self, packer: Packer, kind: Kind, step: StepCall | str = "") -> None:
        """Queue an entry; what is queued in one turn of the loop is written together."""
        identity = step if isinstance(step, str) else step.id
        self._entries.append(packer.entry(kind, identity, self.journal.clock.wall()))
        self._unwritten += 1
        if self._batch is None:
            assert self._loop is not None
            self._batch = self._loop.create_future()
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._batch is None:
            return
        entries, batch = self._taken()
        written = self.journal.submit(lambda connection: self._write(connection, entries))
        loop = self._loop
        assert loop is not None
        written.add_done_callback(
            lambda done: loop.call_soon_threadsafe(self._written, done, batch, len(entries))
        )

    def _taken(self) -> tuple[list[Entry], asyncio.Future[None]]:
        entries, batch = self._entries, self._batch
        assert batch is not None
        self._entries, self._batch = [], None
        return entries, batch

    def _write(
        self, connection: sqlite3.Connection, entries: list[Entry], status: RunStatus | None = None
    ) -> None:
        """In the committing thread: prove that the run is still ours, then write."""
        assert self.hold is not None
        until = self.journal.clock.steady() + self.journal.lease
        last, cancel = renew(connection, self.journal.clock, self.journal.lease, self.hold, len(entries))
        append(connection, self.hold.key, last, entries)
        if status is not None:
            rest(connection, self.hold, status)
        self.deadline = until
        if cancel and status is None:
            self.tell(None)

    def _written(self, done: Future[None], batch: asyncio.Future[None], count: int) -> None:
        error = done.exception()
        self._unwritten -= count
        if error is not None:
            self._break(error)
        if not batch.done():
            batch.set_result(None)

    async def _settled(self) -> None:
        """Wait until all that is queued is on disk; raises ``LedgerFault``."""
        if self._batch is not None:
            await asyncio.shield(self._batch)
        self._require_working()

    def _require_working(self) -> None:
        if self._fault is not None:
            raise LedgerFault(self._fault)

    # -- what comes from elsewhere -----------------------------------------------------------------------

    def tell(self, error: JournalError | None) -> None:
        """From another thread: the run is to be cancelled, or is lost for the reason ``error``."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._told, error)

    def _told(self, error: JournalError | None) -> None:
        if error is not None:
            self._break(error)
        elif self._run is not None:
            self._run.cancel()

    def _break(self, error: BaseException) -> None:
        if not isinstance(error, JournalError):
            error = JournalError(self.journal.path, f"could not be written: {type(error).__name__}: {error}")
        self._fault = self._fault or error
        if self._run is not None:
            self._run.crashed(self._fault)

    def _lost(self) -> LeaseLostError:
        message = f"this process stood still for longer than its lease of {self.journal.lease:g} s."
        return LeaseLostError(self.run_id, message)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _status(error: RunError) -> RunStatus:
    if isinstance(error, RunWaiting):
        return "waiting"
    if isinstance(error, RunCancelled):
        return "cancelled"
    return "stopped" if isinstance(error, RunTimeoutError) else "failed"


def _shown_arguments(function: KernelFunction, call: StepCall) -> dict[str, str]:
    names = {parameter.key: parameter.name for parameter in function.parameters}
    return {names[key]: shown_json(value) for key, value in call.arguments.items()}


def _shown(request: CallRequest) -> dict[str, Any]:
    return {name: json.loads(shown_json(value)) for name, value in request.arguments.items()}
