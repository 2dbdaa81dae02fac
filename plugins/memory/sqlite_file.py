"""An SQLite file of planloom's: opened, checked, and with its failures named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from planloom.plugins.memory.errors import StoreFormatError, StoreUnavailableError

__all__ = ["SqliteFile"]


class SqliteFile:
    """One connection. One thread at a time may use it.

    Args:
        path: the file; it is made if need be.
        schema: the statements that make its tables.
        application: the number that marks such a file (``PRAGMA application_id``).
        version: of the schema; a file of a higher one is refused.
        timeout: seconds to wait for another process that writes.

    Raises:
        StoreFormatError: the file is something else, or of a newer planloom.
        StoreUnavailableError: the file cannot be opened or written.
    """

    def __init__(self, path: str, schema: str, *, application: int, version: int, timeout: float) -> None:
        self.path, self._schema = path, schema
        self._application, self._version = application, version
        with self.errors():
            self._connection = sqlite3.connect(
                path, timeout=timeout, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def execute(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self._connection.execute(query, values)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Name what SQLite complains of inside the block."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._named(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that the block writes, or nothing of it."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self.execute("ROLLBACK")
            raise

    def _named(self, error: sqlite3.Error) -> StoreFormatError | StoreUnavailableError:
        text = str(error)
        if "not a database" in text or "malformed" in text:
            return StoreFormatError(self.path, f"is no planloom store, or is damaged ({text}).")
        if "locked" in text:
            return StoreUnavailableError(self.path, "another process is writing to it; try again.")
        if "closed" in text:
            return StoreUnavailableError(self.path, "the store was closed; make a new one.")
        return StoreUnavailableError(self.path, f"the file cannot be used: {text}.")

    def _prepare(self) -> None:
        kind, version, tables = (
            self._number("PRAGMA application_id"),
            self._number("PRAGMA user_version"),
            self._number("SELECT count(*) FROM sqlite_master"),
        )
        if (kind or tables) and kind != self._application:
            raise StoreFormatError(self.path, "is a database of something else; give another file.")
        if version > self._version:
            raise StoreFormatError(self.path, f"was written by a newer planloom (format {version}); update.")
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = NORMAL")
        self.execute("PRAGMA foreign_keys = ON")
        if not tables:
            with self.transaction():
                self._make_tables()

    def _make_tables(self) -> None:
        if self._number("SELECT count(*) FROM sqlite_master"):
            return  # another process was quicker
        for statement in filter(str.strip, self._schema.split(";")):
            self.execute(statement)
        self.execute(f"PRAGMA application_id = {self._application}")
        self.execute(f"PRAGMA user_version = {self._version}")

    def _number(self, query: str) -> int:
        found: int = self.execute(query).fetchone()[0]
        return found
