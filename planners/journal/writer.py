"""Writes the entries of one run: what is added in one turn of the event loop goes to disk together."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING

from planloom.planners.journal.entries import Entry, append
from planloom.planners.journal.errors import JournalError, LeaseLostError
from planloom.planners.journal.rows import Hold, RunStatus, renew, rest

if TYPE_CHECKING:
    from planloom.planners.journal.sqlite import SqliteJournal

__all__ = ["EntryWriter"]


class EntryWriter:
    """The hand that writes to a run which this process holds. Made, and used, on the run's event loop.

    ``told`` is called on that loop when the journal has something to say: None for a run that is to be
    cancelled, else the error that ends it. After an error nothing more is written, so that there is never a
    gap in what is.
    """

    def __init__(
        self, journal: SqliteJournal, hold: Hold, told: Callable[[JournalError | None], None]
    ) -> None:
        self.journal, self.hold, self._told = journal, hold, told
        self.fault: JournalError | None = None
        self.deadline = journal.clock.steady() + journal.lease
        """When, on the steady clock, this process must not act any more unless it renews its lease."""
        self.unwritten = 0
        self._loop = asyncio.get_running_loop()
        self._entries: list[Entry] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._gap = False
        self._context = Context()  # one for all, as nothing is read from it

    def add(self, entry: Entry) -> None:
        """Queue an entry."""
        if not self._entries:
            self._loop.call_soon(self._flush)
        self._entries.append(entry)
        self.unwritten += 1

    async def settled(self) -> None:
        """Wait until what is queued is on disk, or can no longer be written."""
        if self._entries:
            waiter = self._loop.create_future()
            self._waiting.append(waiter)
            await waiter

    def require_lease(self) -> None:
        """Raise ``LeaseLostError`` when this process has stood still for too long to act."""
        if self.journal.clock.steady() >= self.deadline:
            raise LeaseLostError(
                self.hold.id,
                f"this process stood still for longer than its lease of {self.journal.lease:g} s.",
            )

    async def finish(self, status: RunStatus) -> None:
        """Write what is queued and let go of the run; raises ``JournalError``."""
        entries, waiting = self._taken()
        written = self.journal.submit(lambda connection: self._write_last(connection, entries, status))
        try:
            # shielded: a future that is given up must not take the write's outcome with it
            await asyncio.shield(asyncio.wrap_future(written))
        finally:
            _wake(waiting)
        if self.fault is not None:
            raise self.fault

    def tell(self, error: JournalError | None) -> None:
        """Pass on, from any thread, what the journal has to say."""
        self._call(self._hear, error)

    def _call(self, callback: Callable[..., None], *args: object) -> None:
        # a loop that was closed before its run had ended has nobody left to tell
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args, context=self._context)

    def _hear(self, error: JournalError | None) -> None:
        self.fault = self.fault or error
        self._told(error)

    def _flush(self) -> None:
        entries, waiting = self._taken()
        if not entries:
            return  # the run has finished since

        def told(_: None, error: Exception | None) -> None:
            self._gap = self._gap or error is not None
            self._call(self._after, error, waiting, len(entries))

        self.journal.post(lambda connection: self._write(connection, entries), told)

    def _after(self, error: BaseException | None, waiting: list[asyncio.Future[None]], count: int) -> None:
        self.unwritten -= count
        if error is not None:
            self._hear(self._named(error))
        _wake(waiting)

    def _named(self, error: BaseException) -> JournalError:
        if isinstance(error, JournalError):
            return error
        return JournalError(self.journal.path, f"could not be written: {type(error).__name__}: {error}")

    def _taken(self) -> tuple[list[Entry], list[asyncio.Future[None]]]:
        taken = self._entries, self._waiting
        self._entries, self._waiting = [], []
        return taken

    # -- in the committing thread ------------------------------------------------------------------------

    def _write(self, connection: sqlite3.Connection, entries: list[Entry]) -> None:
        """Prove that the run is still ours, then write."""
        if self._gap:
            raise JournalError(self.journal.path, "an earlier event could not be written.")
        last = self.renew(connection, len(entries))
        append(connection, self.hold.key, last, entries)

    def renew(self, connection: sqlite3.Connection, adds: int = 0) -> int:
        """Prolong the lease and make room for ``adds`` events; gives the number of the last one before."""
        clock, lease = self.journal.clock, self.journal.lease
        until = clock.steady() + lease
        last, cancel = renew(connection, clock, lease, self.hold, adds)
        self.deadline = until
        if cancel:
            self.tell(None)
        return last

    def _write_last(self, connection: sqlite3.Connection, entries: list[Entry], status: RunStatus) -> None:
        if self._gap:
            rest(connection, self.hold, "stopped")
            return
        self._write(connection, entries)
        rest(connection, self.hold, status)


def _wake(waiting: list[asyncio.Future[None]]) -> None:
    for waiter in waiting:
        if not waiter.done():
            waiter.set_result(None)
