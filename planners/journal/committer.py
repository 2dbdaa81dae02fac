"""One thread that commits: all that is queued while it commits goes into the next transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

from planloom.planners.journal.errors import JournalError
from planloom.planners.journal.file import JournalFile

__all__ = ["Committer", "Work"]

T = TypeVar("T")
_Group = list[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]]
Work = Callable[[sqlite3.Connection], T]
"""Writes inside the transaction of its group. If it raises ``JournalError`` it has written nothing."""

IDLE = 0.5
"""Seconds without work after which the thread ends; the next work starts another."""


class Committer:
    """Runs each work in a transaction, several together where they come together.

    ``tick`` is called every ``period`` seconds, inside a transaction of its own, while ``wanted`` is true.
    ``commits`` counts transactions.
    """

    def __init__(
        self, file: JournalFile, period: float, wanted: Callable[[], bool], tick: Work[None]
    ) -> None:
        self.file, self.period, self._wanted, self._tick = file, period, wanted, tick
        self.commits = 0
        self._queue: _Group = []
        self._changed = threading.Condition()
        self._running = False

    def submit(self, work: Work[T]) -> Future[T]:
        """Queue a work; the future is done when its transaction is on disk, and cannot be cancelled.

        It fails with ``JournalError`` when the work refused or the file could not be written.
        """
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        with self._changed:
            self._queue.append((work, future))
            if self._running:
                self._changed.notify()
            else:
                self._running = True
                threading.Thread(target=self._run, name="planloom-journal", daemon=True).start()
        return future

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        due = monotonic() + self.period
        try:
            while (group := self._next_group(due)) is not None:
                if monotonic() >= due:
                    group.append((self._tick, Future()))
                    due = monotonic() + self.period
                try:
                    connection = connection or self.file.open()
                    self._commit(connection, group)
                except Exception as error:  # noqa: BLE001 - whoever waits for the commit must be told
                    for _, future in group:
                        future.set_exception(error)
                    # a connection that failed is not trusted with the next group
                    _close(connection)
                    connection = None
        finally:
            _close(connection)

    def _next_group(self, due: float) -> _Group | None:
        """What is to be committed next, which is nothing when the tick is due; None when all is over."""
        with self._changed:
            if not self._queue:
                self._changed.wait(max(0.0, due - monotonic()) if self._wanted() else IDLE)
            if not self._queue and not self._wanted():
                self._running = False
                return None
            group, self._queue = self._queue, []
            return group

    def _commit(self, connection: sqlite3.Connection, group: _Group) -> None:
        if not group:
            return
        with self.file.errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                outcomes = [_outcome(work, connection) for work, _ in group]
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
        self.commits += 1
        for (_, future), (value, error) in zip(group, outcomes, strict=True):
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)


def _outcome(work: Work[T], connection: sqlite3.Connection) -> tuple[T | None, JournalError | None]:
    try:
        return work(connection), None
    except JournalError as refused:
        return None, refused


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite may have rolled back by itself, on a full disk for one
    with suppress(sqlite3.Error):
        connection.execute("ROLLBACK")


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()
