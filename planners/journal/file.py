"""The journal's SQLite file: opened, brought to this version, its failures named."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from planloom.planners.journal.errors import (
    JournalDamagedError,
    JournalError,
    JournalFileError,
    JournalFormatError,
)
from planloom.planners.journal.schema import APPLICATION, MIGRATIONS

__all__ = ["JournalFile", "Synchronous"]

Synchronous = Literal["full", "normal"]
PRIVATE = 0o600
DAMAGE = ("malformed", "not a database", "Could not decode")


class JournalFile:
    """A path, and how it is opened.

    Args:
        path: the file; it is made, readable by its owner only, when first written to.
        synchronous: ``full`` survives a power cut; ``normal`` is quicker, survives the kill of a process,
            and may lose the last moments before a power cut.
        timeout: seconds to wait for another process that writes.
        migrations: the steps from an empty file to this version.

    Raises:
        JournalFileError: the path is one of SQLite's names for what is no file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        synchronous: Synchronous,
        timeout: float,
        migrations: Sequence[str] = MIGRATIONS,
    ) -> None:
        self.path = os.fspath(path)
        if self.path in ("", ":memory:") or self.path.startswith("file:"):
            raise JournalFileError(self.path, "is no file that a run could be resumed from; give a path.")
        self.synchronous, self.timeout, self.migrations = synchronous, timeout, migrations

    def open(self) -> sqlite3.Connection:
        """A connection for writing; the file is made or migrated if need be.

        Raises:
            JournalFileError: it cannot be opened or written.
            JournalFormatError: it is something else, or of a newer planloom.
            JournalDamagedError: it is damaged.
        """
        with self.errors():
            self._make_private()
            connection = sqlite3.connect(self.path, timeout=self.timeout, isolation_level=None)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one look at the file; raises what ``open`` raises."""
        if not Path(self.path).is_file():
            raise JournalFileError(self.path, "there is no such journal.")
        connection = self.open()
        try:
            with self.errors():
                yield connection
        finally:
            connection.close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Name what SQLite complains of inside the block."""
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeError) as error:
            raise self._named(error) from error

    def _make_private(self) -> None:
        os.close(os.open(self.path, os.O_RDONLY | os.O_CREAT, PRIVATE))

    def _prepare(self, connection: sqlite3.Connection) -> None:
        self._require_ours(connection)
        if _number(connection, "PRAGMA user_version") < len(self.migrations):
            connection.execute("PRAGMA journal_mode = WAL")
            self._migrate(connection)
        connection.execute(f"PRAGMA synchronous = {self.synchronous}")

    def _require_ours(self, connection: sqlite3.Connection) -> None:
        kind = _number(connection, "PRAGMA application_id")
        tables = _number(connection, "SELECT count(*) FROM sqlite_master")
        if (kind or tables) and kind != APPLICATION:
            raise JournalFormatError(self.path, "is a database of something else; give another file.")
        version = _number(connection, "PRAGMA user_version")
        if version > len(self.migrations):
            raise JournalFormatError(self.path, f"was written by a newer planloom (format {version}).")

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # read again: another process may have been quicker
            for step in self.migrations[_number(connection, "PRAGMA user_version") :]:
                for statement in _statements(step):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(self.migrations)}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _named(self, error: sqlite3.Error | OSError | UnicodeError) -> JournalError:
        if isinstance(error, UnicodeEncodeError):
            return JournalError(self.path, "a text with half a character (a lone surrogate) cannot be kept.")
        text = str(error).partition(" with text")[0]  # what follows would be a value
        if isinstance(error, UnicodeDecodeError) or any(sign in text for sign in DAMAGE):
            return JournalDamagedError(
                self.path, f"is damaged, or is no journal ({text}). Restore it from a copy."
            )
        if "full" in text:
            return JournalFileError(self.path, "the disk is full. Make room, then resume the run.")
        if "readonly" in text or isinstance(error, PermissionError):
            return JournalFileError(self.path, "the file cannot be written; look at its permissions.")
        if "locked" in text:
            return JournalFileError(
                self.path, f"another process was writing to it for more than {self.timeout} s."
            )
        return JournalFileError(self.path, f"the file cannot be used: {text}.")


def _number(connection: sqlite3.Connection, query: str) -> int:
    found: int = connection.execute(query).fetchone()[0]
    return found


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: all of them must be in one transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
