"""One thread that commits: all that is queued while it commits goes into the next transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeVar

from planloom.errors import PlanloomError
from planloom.planners.journal.file import JournalFile

__all__ = ["Committer", "Told", "Work"]

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
"""Writes inside the transaction of its group. If it raises ``PlanloomError`` it has written nothing."""

Told = Callable[[T | None, Exception | None], None]
"""Takes what a work gave once that is on disk, or why it is not; called in the committing thread."""

_Group = list[tuple[Work[Any], Told[Any]]]
_Outcome = tuple[Any, Exception | None]

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
        self._queue: SimpleQueue[tuple[Work[Any], Told[Any]]] = SimpleQueue()
        self._starting = threading.Lock()
        self._running = False

    def post(self, work: Work[T], told: Told[T]) -> None:
        """Queue a work.

        ``told`` gets its outcome: a ``JournalError`` when it refused or the file could not be written.
        """
        with self._starting:
            self._queue.put((work, told))
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name="planloom-journal", daemon=True).start()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        due = monotonic() + self.period
        try:
            while (group := self._next_group(due)) is not None:
                if monotonic() >= due:
                    group.append((self._tick, _nobody))
                    due = monotonic() + self.period
                try:
                    connection = connection or self.file.open()
                    outcomes = self._commit(connection, group)
                except Exception as error:  # noqa: BLE001 - whoever waits for the commit must be told
                    outcomes = [(None, error)] * len(group)
                    # a connection that failed is not trusted with the next group
                    _close(connection)
                    connection = None
                for (_, told), outcome in zip(group, outcomes, strict=True):
                    told(*outcome)
        finally:
            _close(connection)

    def _next_group(self, due: float) -> _Group | None:
        """What is to be committed next, which is nothing when the tick is due; None when all is over."""
        group: _Group = []
        with suppress(Empty):
            group.append(self._queue.get(timeout=max(0.0, due - monotonic()) if self._wanted() else IDLE))
            while True:
                group.append(self._queue.get_nowait())
        return group if group or self._wanted() or not self._is_over() else None

    def _is_over(self) -> bool:
        with self._starting:
            self._running = not self._queue.empty()
            return not self._running

    def _commit(self, connection: sqlite3.Connection, group: _Group) -> list[_Outcome]:
        if not group:
            return []
        with self.file.errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                outcomes = [_outcome(work, connection) for work, _ in group]
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
        self.commits += 1
        return outcomes


def _nobody(value: object, error: Exception | None) -> None:
    """Nobody waits for it."""


def _outcome(work: Work[Any], connection: sqlite3.Connection) -> _Outcome:
    try:
        return work(connection), None
    except PlanloomError as refused:
        return None, refused


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite may have rolled back by itself, on a full disk for one
    with suppress(sqlite3.Error):
        connection.execute("ROLLBACK")


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()
