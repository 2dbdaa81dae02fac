"""A journal in one SQLite file: nothing but the standard library, and nothing to run beside it."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from uuid import uuid4

from planloom.planners.journal.committer import Committer, Told, Work
from planloom.planners.journal.entries import BLOB_LIMIT, Event, append, blob, events_of
from planloom.planners.journal.errors import JournalDamagedError, JournalError, QuestionError
from planloom.planners.journal.file import JournalFile, Synchronous
from planloom.planners.journal.history import VERDICTS, History, Verdict
from planloom.planners.journal.identity import check_savable, functions_of, saved_inputs
from planloom.planners.journal.owner import Clock
from planloom.planners.journal.rows import (
    SELECT,
    Hold,
    RunRow,
    RunStatus,
    claim,
    insert,
    note,
    read_row,
    row_of,
)
from planloom.planners.journal.run_ledger import RunLedger
from planloom.planners.journal.word import Word, given
from planloom.planners.journal.writer import EntryWriter
from planloom.planners.plan import Plan
from planloom.planners.running.policy import Policy

__all__ = ["SqliteJournal", "new_run_id"]

T = TypeVar("T")
RENEWALS = 3
"""How often a lease is renewed before it would end."""


def new_run_id() -> str:
    """A name that sorts by time: ``20260131-094500-3f9c2a71``."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:8]}"


class SqliteJournal:
    """Remembers runs in a file.

    Any number of processes on one machine may use one file, each run belonging to one of them at a time.
    Values are kept as plain JSON and are as readable as the file is: it is made for its owner's eyes only.

    Args:
        path: the file; it is made when first written to.
        synchronous: ``full`` survives a power cut; ``normal`` is quicker, survives the kill of a process, and
            may lose the last moments before a power cut.
        lease: seconds after which a process that stands still loses its runs; one that ends loses them
            at once.
        timeout: seconds to wait for another process that writes to the file.
        blob_limit: bytes of JSON above which a value is kept aside, once.
        clock: the machine's clocks.
        make_id: names new runs.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Synchronous = "full",
        lease: float = 30.0,
        timeout: float = 30.0,
        blob_limit: int = BLOB_LIMIT,
        clock: Clock | None = None,
        make_id: Callable[[], str] = new_run_id,
    ) -> None:
        self.file = JournalFile(path, synchronous, timeout)
        self.lease, self.blob_limit = lease, blob_limit
        self.clock, self._make_id = clock or Clock(), make_id
        self.held: set[EntryWriter] = set()
        self._committer = Committer(self.file, lease / RENEWALS, lambda: bool(self.held), self._renew_all)

    @property
    def path(self) -> str:
        return self.file.path

    @property
    def commits(self) -> int:
        """How many transactions this object has written."""
        return self._committer.commits

    # -- looking -----------------------------------------------------------------------------------------

    def runs(self, limit: int = 100) -> list[RunRow]:
        """The newest runs, newest first; raises ``JournalError``."""
        with self.file.reading() as connection:
            found = connection.execute(f"{SELECT} ORDER BY key DESC LIMIT ?", (limit,))
            return [read_row(row, self.clock) for row in found]

    def run(self, run_id: str) -> RunRow:
        """Raises ``RunNotFoundError``."""
        with self.file.reading() as connection:
            return row_of(connection, run_id, self.clock)

    def events(self, run_id: str) -> tuple[Event, ...]:
        """All that happened in a run, in order; raises ``JournalError``."""
        with self.file.reading() as connection:
            # one transaction, so that the count belongs to the events
            connection.execute("BEGIN")
            row = row_of(connection, run_id, self.clock)
            return tuple(events_of(connection, self.path, row.key, row.events))

    def _history(self, connection: sqlite3.Connection, row: RunRow) -> History:
        history = History.of(events_of(connection, self.path, row.key, row.events))
        if history.contents != row.contents:
            raise JournalDamagedError(self.path, f"what run {row.id} began with is damaged; use a copy.")
        return history

    def history(self, run_id: str) -> History:
        """What the events of a run add up to; raises ``JournalError``."""
        return History.of(self.events(run_id))

    def value(self, digest: str) -> Any:
        """The large value of that hash; raises ``JournalDamagedError``."""
        with self.file.reading() as connection:
            return json.loads(blob(connection, self.path, digest))

    # -- people's words ----------------------------------------------------------------------------------

    def approve(self, run_id: str, step: str | None = None) -> None:
        """Say yes to the call that the run wants to make; ``step`` is needed when it asks for several.

        Raises:
            QuestionError: there is no such question, or more than one.
            RunNotFoundError: there is no such run.
        """
        self._say(run_id, Word("approve", step))

    def deny(self, run_id: str, step: str | None = None) -> None:
        """Say no to the call that the run wants to make; raises what ``approve`` raises."""
        self._say(run_id, Word("deny", step))

    def answer(self, run_id: str, value: Any, step: str | None = None) -> None:
        """Answer an ``<ask>`` with plain JSON; raises what ``approve`` raises."""
        self._say(run_id, Word("answer", step, value))

    def decide(self, run_id: str, step: str, verdict: Verdict, value: Any = None) -> None:
        """Say what became of a write that is in doubt.

        Args:
            run_id: the run's name.
            step: the step in doubt.
            verdict: ``done`` (and gave ``value``), ``not-done`` (do it now), or ``skip`` (go on without it).
            value: what a write that was done returned, as plain JSON.

        Raises:
            QuestionError: the step is not in doubt, or this is no verdict.
            RunNotFoundError: there is no such run.
        """
        if verdict not in VERDICTS:
            known = ", ".join(VERDICTS)
            raise QuestionError(run_id, f"{verdict!r} is no verdict about step {step}; say one of {known}.")
        self._say(run_id, Word(verdict, step, value))

    def cancel(self, run_id: str) -> None:
        """End a run for good. A process that runs it is told, and stops as for a failure.

        Raises:
            RunOverError: it is done already.
            RunNotFoundError: there is no such run.
        """
        self._say(run_id, Word("cancel", None))

    def _say(self, run_id: str, word: Word) -> None:
        # a journal that is not there must not be made by asking it something
        self.run(run_id)
        self.submit(lambda connection: self._given(connection, run_id, word)).result()

    def _given(self, connection: sqlite3.Connection, run_id: str, word: Word) -> None:
        row = row_of(connection, run_id, self.clock)
        history = self._history(connection, row)
        entry = given(word, row, history, self.clock, self.blob_limit)
        append(connection, row.key, row.events, [entry])
        cancel = word.kind == "cancel"
        status: RunStatus = "cancelled" if cancel and row.lease is None else row.status
        note(connection, row, status, cancel=cancel)

    # -- running -----------------------------------------------------------------------------------------

    def ledger(
        self, plan: Plan, given: Mapping[str, Any], policy: Policy | None, run_id: str | None
    ) -> RunLedger:
        """What a new run is written with; raises ``UnsavableValueError``."""
        check_savable(plan)
        inputs, functions, text = saved_inputs(given), functions_of(plan), plan.to_json()
        under = type(policy).__name__ if policy is not None else ""
        name = run_id or self._make_id()

        def begin(connection: sqlite3.Connection) -> Hold:
            return insert(
                connection,
                self.clock,
                self.lease,
                name,
                goal=plan.goal,
                plan=text,
                functions=functions,
                inputs=inputs,
                policy=under,
            )

        return RunLedger(self, name, plan_hash(text), begin=begin)

    def take(self, run_id: str) -> Future[tuple[Hold, RunRow, History, dict[str, str]]]:
        """Claim a run: the right to it, its row, its history, and the large values by hash.

        The future fails as ``claim`` does, and with ``JournalDamagedError``.
        """

        def work(connection: sqlite3.Connection) -> tuple[Hold, RunRow, History, dict[str, str]]:
            row = row_of(connection, run_id, self.clock)
            history = self._history(connection, row)
            large = {past.blob for past in history.results.values() if past.blob is not None}
            texts = {digest: blob(connection, self.path, digest) for digest in large}
            return claim(connection, self.clock, self.lease, run_id), row, history, texts

        return self.submit(work)

    def submit(self, work: Work[T]) -> Future[T]:
        """``post`` for whoever wants to wait; the future cannot be cancelled."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def told(value: T | None, error: Exception | None) -> None:
            future.set_exception(error) if error is not None else future.set_result(cast(T, value))

        self.post(work, told)
        return future

    def post(self, work: Work[T], told: Told[T]) -> None:
        """Run ``work`` in the next transaction, and say so in the thread that commits."""
        self._committer.post(work, told)

    def _renew_all(self, connection: sqlite3.Connection) -> None:
        for writer in tuple(self.held):
            try:
                writer.renew(connection)
            except JournalError as lost:
                writer.tell(lost)


def plan_hash(text: str) -> str:
    """A hash of the plan's text, for idempotency keys."""
    return hashlib.sha256(text.encode()).hexdigest()
