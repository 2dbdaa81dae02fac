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
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from planloom.function import KernelFunction
from planloom.planners.journal.entries import Kind, Packer
from planloom.planners.journal.errors import (
    JournalError,
    LeaseLostError,
    RunWaiting,
    UnsavableValueError,
)
from planloom.planners.journal.history import History, Question
from planloom.planners.journal.rows import Hold, RunStatus
from planloom.planners.journal.values import Unsavable, save, shown_json
from planloom.planners.journal.writer import EntryWriter
from planloom.planners.running.ledger import LedgerFault, Parked, Recorded
from planloom.planners.running.policy import Approver, CallRequest
from planloom.planners.running.records import RunResult
from planloom.planners.running.run_errors import RunCancelled, RunError, RunTimeoutError
from planloom.planners.running.scheduler import StepCall
from planloom.services.protocol import Usage

if TYPE_CHECKING:
    from planloom.planners.journal.sqlite import SqliteJournal
    from planloom.planners.running.run import Run

__all__ = ["RunLedger", "call_key", "question_of_approval", "question_of_ask"]

CROWD = 1000
"""Entries not yet written above which a run waits for the disk."""

Begin = Callable[[sqlite3.Connection], Hold]


class RunLedger:
    """One run of a journal, held by this process; ``writer`` is there while it runs.

    Args:
        journal: where it is written.
        run_id: the run's name.
        plan_hash: of the plan's text; part of every idempotency key.
        begin: makes the run's row, or is None for a run that ``hold`` holds already.
        history: what earlier processes wrote.
        values: the outcomes of steps that they finished.
    """

    writer: EntryWriter

    def __init__(
        self,
        journal: SqliteJournal,
        run_id: str,
        plan_hash: str,
        *,
        begin: Begin | None = None,
        hold: Hold | None = None,
        history: History | None = None,
        values: Mapping[str, Recorded] | None = None,
    ) -> None:
        self.journal, self.run_id, self.plan_hash = journal, run_id, plan_hash
        self.history = history or History()
        self.values = dict(values or {})
        self.spent = Usage(*self.history.tokens)
        self._hold, self._begin = hold, begin
        self._used = self.spent
        self._parked: dict[str, Question] = {}

    # -- the whole run -----------------------------------------------------------------------------------

    async def around(self, run: Run, go: Callable[[], Awaitable[RunResult]]) -> RunResult:
        """Run it, with its beginning and its end written down; raises what ``Executor.run`` raises."""
        await self._open(run)
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

    async def _open(self, run: Run) -> None:
        def told(error: JournalError | None) -> None:
            run.cancel() if error is None else run.crashed(error)

        hold = self._hold
        if hold is None:
            assert self._begin is not None
            hold = await asyncio.wrap_future(self.journal.submit(self._begin))
        self.writer = EntryWriter(self.journal, hold, told)
        if self._hold is not None:
            self._add(Packer(), "resumed")
        self.journal.held.add(self.writer)

    async def _close(self, status: RunStatus, error: BaseException | None, text: str = "") -> None:
        packer = Packer(self.journal.blob_limit).put("status", status)
        if error is not None:
            packer.put("error", type(error).__name__).put("message", str(error))
        else:
            packer.put_value(save(text).text)
        self._add(packer, "ended")
        self.journal.held.discard(self.writer)
        await self.writer.finish(status)

    # -- steps -------------------------------------------------------------------------------------------

    def recorded(self, call: StepCall) -> Recorded | None:
        """The outcome of a step that an earlier process finished, given once."""
        return self.values.pop(call.id, None) if self.values else None

    def key(self, call: StepCall) -> str:
        """A hash of run, plan and step: the same however often the step is tried."""
        return call_key(self.run_id, self.plan_hash, call)

    async def begin(self, call: StepCall) -> None:
        """For a write, wait until its intent is on disk and this process may still act on it."""
        function = call.step.function
        assert function is not None
        self._require_working()
        if function.effect != "write":
            return
        packer = self._packer().put("name", function.full_name)
        packer.put_json("idempotent", "true" if function.idempotent else "false")
        self._add(packer.put_arguments(_shown_arguments(function, call)), "intent", call.id)
        await self._settled()
        try:
            self.writer.require_lease()
        except LeaseLostError as lost:
            raise LedgerFault(lost) from lost

    def unmade(self, call: StepCall) -> None:
        """Take back a write's intent: the run was stopped before the call was made."""
        function = call.step.function
        assert function is not None
        if function.effect == "write":
            packer = self._packer().put("verdict", "not-done").put("why", "the run was stopped first")
            self._add(packer, "decision", call.id)

    async def end(self, call: StepCall, value: Any, seconds: float, used: Usage) -> Any:
        """Queue a step's value; gives it as a resumed run would have it. Raises ``UnsavableValueError``."""
        function = call.step.function
        try:
            saved = save(value, function.returns if function is not None else Any)
        except Unsavable as error:
            name = function.full_name if function is not None else call.step.name
            raise UnsavableValueError(name, f"gave a value that the journal cannot keep: {error}") from error
        packer = self._packer().put("name", call.step.name)
        packer.put_value(saved.text).put_json("seconds", repr(round(seconds, 6)))
        if saved.typed:
            packer.put_json("typed", "true")
        if used != self._used:
            self._used = used
            packer.put("tokens", (used.prompt_tokens, used.completion_tokens, used.calls))
        self._add(packer, "done", call.id)
        if self.writer.unwritten > CROWD:
            await self._settled()
        return saved.value

    def failed(self, call: StepCall, error: BaseException) -> None:
        packer = self._packer().put("name", call.step.name)
        self._add(packer.put("error", type(error).__name__).put("message", str(error)), "failed", call.id)

    # -- people ------------------------------------------------------------------------------------------

    async def approval(self, request: CallRequest, reason: str, approve: Approver | None) -> bool:
        """A person's word on exactly this call: one given before, or ``approve``'s, or ``Parked``."""
        question = question_of_approval(request, reason, self.journal.clock.wall())
        known = (question.step, question.fingerprint)
        if known in self.history.answers:
            return self.history.answers[known] is True
        self._ask(question)
        if approve is None:
            raise Parked
        word = await approve(request, reason) is True
        self._answered(question, word)
        return word

    async def answer(self, call: StepCall, ask: Callable[[str, str], Awaitable[Any]] | None) -> Any:
        """The value that an ``<ask>`` asks for: one given before, or ``ask``'s, or ``Parked``."""
        question = question_of_ask(call, self.journal.clock.wall())
        known = (question.step, question.fingerprint)
        if known in self.history.answers:
            return self.history.answers[known]
        self._ask(question)
        if ask is None:
            raise Parked
        word = await ask(question.text, question.name)
        del self._parked[question.step]
        return word

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

    def _add(self, packer: Packer, kind: Kind, step: str = "") -> None:
        self.writer.add(packer.entry(kind, step, self.journal.clock.wall()))

    async def _settled(self) -> None:
        await self.writer.settled()
        self._require_working()

    def _require_working(self) -> None:
        if self.writer.fault is not None:
            raise LedgerFault(self.writer.fault)


def call_key(run_id: str, plan_hash: str, call: StepCall) -> str:
    """The idempotency key of a call: of run, plan and step, and never of the attempt."""
    return _hash(run_id, plan_hash, call.id)


def question_of_approval(request: CallRequest, reason: str, now: float) -> Question:
    """Whether exactly this call may run."""
    shown = {name: json.loads(shown_json(value)) for name, value in request.arguments.items()}
    fingerprint = _hash(request.fingerprint, reason)
    return Question(request.step, "approval", request.function.full_name, reason, shown, fingerprint, now)


def question_of_ask(call: StepCall, now: float) -> Question:
    """What an ``<ask>`` asks."""
    text, variable = str(call.arguments["question"]), call.step.sets or ""
    return Question(call.id, "ask", variable, text, {}, _hash(variable, text), now)


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
