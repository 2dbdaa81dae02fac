"""Statements sent to a database, each in a transaction of its own that writes only if that was declared."""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import date, timedelta
from datetime import time as clock_time
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy
from sqlalchemy import Connection, Engine, Pool, Table, exc, inspect, select, text
from sqlalchemy.pool import SingletonThreadPool, StaticPool
from sqlalchemy.schema import MetaData

from planloom.errors import ArgumentError, RegistrationError, TooLargeError
from planloom.plugins.errors import SqlError

__all__ = ["Database", "bound_names"]

PLAIN = (str, int, float, bool, dict, list)
READING = frozenset(
    getattr(sqlite3, name) for name in ("SQLITE_SELECT", "SQLITE_READ", "SQLITE_FUNCTION", "SQLITE_RECURSIVE")
)
LOOKING = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"}
)
"""Pragmas that describe a table; none of them sets anything."""
STEPS = 10_000
"""Instructions of SQLite's machine between two looks at the clock."""
SHARED: WeakKeyDictionary[Pool, threading.Lock] = WeakKeyDictionary()
"""Locks of the pools that give everyone one connection, with one transaction and one guard."""
SAFE_DRIVERS = frozenset({"psycopg", "pg8000"})
"""Drivers that send a statement and its values apart, so that a text with two statements is refused."""


def bound_names(sql: str) -> list[str]:
    """The names after colons, in order."""
    return list(text(sql).compile().params)


class Database:
    """One database, through SQLAlchemy."""

    def __init__(
        self,
        skill: str,
        database: str | Engine,
        tables: Sequence[str] | None,
        max_rows: int,
        timeout: float,
        max_bytes: int,
    ) -> None:
        self._skill, self._timeout = skill, timeout
        self.max_rows, self._max_bytes = max_rows, max_bytes
        self._engine = _engine(database)
        self._allowed = None if tables is None else frozenset(tables)
        self._tables: dict[str, Table] = {}

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @property
    def can_be_kept_from_writing(self) -> bool:
        driver = self._engine.dialect.driver
        return driver == "pysqlite" or (self.dialect == "postgresql" and driver in SAFE_DRIVERS)

    def table_names(self) -> list[str]:
        """The tables and views that may be known, sorted."""
        with self._reading(f"{self._skill}.tables") as connection:
            inspector = inspect(connection)
            found = [*inspector.get_table_names(), *inspector.get_view_names()]
        return sorted(name for name in found if self._allowed is None or name in self._allowed)

    def columns(self, function: str, table: str) -> list[dict[str, Any]]:
        """Name, type and nullability of a table's columns."""
        columns = self._table(function, table).columns
        return [{"name": one.name, "type": str(one.type), "nullable": bool(one.nullable)} for one in columns]

    def find(
        self,
        function: str,
        table: str,
        where: Mapping[str, Any],
        columns: Sequence[str],
        order_by: str,
        limit: int,
    ) -> list[dict[str, Any]]:
        """Rows of a table; names are looked up, values are bound."""
        found = self._table(function, table)
        shown = [_column(function, found, name) for name in columns] or [found]
        statement = select(*shown).limit(limit)
        for name, value in where.items():
            column = _column(function, found, name)
            statement = statement.where(column.is_(None) if value is None else column == value)
        if order_by:
            column = _column(function, found, order_by.removeprefix("-"))
            statement = statement.order_by(column.desc() if order_by.startswith("-") else column)
        with self._reading(function) as connection:
            return self._rows(function, connection.execute(statement))

    def query(self, function: str, sql: str, values: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
        """Rows of a query that the database itself keeps from writing."""
        with self._reading(function) as connection:
            if self.dialect == "postgresql":
                # The bound limit has the driver use the protocol that takes one statement only.
                sql = f"SELECT * FROM ({sql}\n) AS planloom_query LIMIT :planloom_limit"
                values = {**values, "planloom_limit": limit}
            result = connection.execute(text(sql), dict(values))
            if not result.returns_rows:
                raise SqlError(function, "takes a query that gives rows back.")
            return self._rows(function, result, limit)

    def run_declared(self, function: str, sql: str, values: Mapping[str, Any], *, reads: bool) -> Any:
        """The rows of a declared statement, or how many rows it changed."""
        with self._reading(function) if reads else self._writing(function) as connection:
            result = connection.execute(text(sql), dict(values))
            return self._rows(function, result) if result.returns_rows else {"rows": result.rowcount}

    def _rows(self, function: str, result: Any, limit: int | None = None) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        left = self._max_bytes
        with closing(result):
            for found in islice(result.mappings(), limit or self.max_rows + 1):
                rows.append({str(key): _plain(value) for key, value in found.items()})
                left -= _size(rows[-1])
                if left < 0:
                    raise TooLargeError(function, "a result", self._max_bytes)
        if len(rows) > self.max_rows:
            raise TooLargeError(function, "a result", self.max_rows, "rows")
        return rows

    def _table(self, function: str, name: str) -> Table:
        if self._allowed is not None and name not in self._allowed:
            raise ArgumentError(function, "table", f"is one of {', '.join(sorted(self._allowed))}")
        if name not in self._tables:
            try:
                with self._reading(function) as connection:
                    self._tables[name] = Table(name, MetaData(), autoload_with=connection)
            except exc.NoSuchTableError:
                known = ", ".join(self.table_names()[:20])
                raise ArgumentError(function, "table", f"is none of this database; it has {known}") from None
        return self._tables[name]

    @contextmanager
    def _reading(self, function: str) -> Iterator[Connection]:
        with self._errors(function), _alone(self._engine), self._engine.connect() as connection:
            if self.dialect == "sqlite":
                with _sqlite_guard(connection, self._timeout, may_write=False):
                    yield connection
            else:
                self._begin_reading(connection)
                yield connection
            connection.rollback()

    def _begin_reading(self, connection: Connection) -> None:
        if self.dialect == "postgresql":
            connection.execution_options(postgresql_readonly=True)
            # A first query, after which SET TRANSACTION READ WRITE comes too late.
            connection.execute(text(f"SET LOCAL statement_timeout = {int(self._timeout * 1000)}"))
            connection.execute(text("SELECT 1"))

    @contextmanager
    def _writing(self, function: str) -> Iterator[Connection]:
        with self._errors(function), _alone(self._engine), self._engine.begin() as connection:
            if self.dialect == "sqlite":
                with _sqlite_guard(connection, self._timeout, may_write=True):
                    yield connection
            else:
                if self.dialect == "postgresql":
                    connection.execute(text(f"SET LOCAL statement_timeout = {int(self._timeout * 1000)}"))
                yield connection

    @contextmanager
    def _errors(self, function: str) -> Iterator[None]:
        try:
            yield
        except exc.NoSuchTableError:
            raise
        except exc.SQLAlchemyError as error:
            # Without the statement and its values, which SQLAlchemy's own text repeats.
            said = getattr(error, "orig", None) or error
            raise SqlError(function, f"is refused by the database: {str(said).strip()[:500]}") from None


def _engine(database: str | Engine) -> Engine:
    if isinstance(database, Engine):
        return database
    try:
        made = sqlalchemy.create_engine(database, hide_parameters=True)
        if not isinstance(made.pool, SingletonThreadPool):
            return made
        # SQLite in memory: every thread, and so every call, would have an empty database of its own.
        shared: dict[str, Any] = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
        return sqlalchemy.create_engine(database, hide_parameters=True, **shared)
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise RegistrationError(f"No database can be reached by that address: {error}", None) from None


def _alone(engine: Engine) -> AbstractContextManager[object]:
    """Keeps others off while one uses a connection that all share: even giving it back ends a transaction."""
    if not isinstance(engine.pool, StaticPool):
        return nullcontext()
    return SHARED.setdefault(engine.pool, threading.Lock())


def _column(function: str, table: Table, name: str) -> Any:
    if name not in table.columns:
        known = ", ".join(table.columns.keys())
        raise ArgumentError(function, "table", f"{table.name} has no column {name!r}; it has {known}")
    return table.columns[name]


@contextmanager
def _sqlite_guard(connection: Connection, timeout: float, *, may_write: bool) -> Iterator[None]:
    """Let SQLite itself refuse all that is more than reading, and stop what takes too long."""
    driver: Any = connection.connection.driver_connection
    ends = time.monotonic() + timeout
    driver.set_progress_handler(lambda: int(time.monotonic() > ends), STEPS)
    if not may_write:
        driver.set_authorizer(_authorise)
    try:
        yield
    finally:
        driver.set_authorizer(None)
        driver.set_progress_handler(None, 0)


def _authorise(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and first in LOOKING:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_OK if action in READING else sqlite3.SQLITE_DENY


def _size(row: Mapping[str, Any]) -> int:
    """Bytes as JSON."""
    return len(json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "replace"))


def _plain(value: Any) -> Any:
    """A value that a plan can hold and a file can keep; exact decimals stay what they are."""
    if value is None or isinstance(value, PLAIN):
        return value
    if isinstance(value, date | clock_time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return value if type(value).__name__ == "Decimal" else str(value)
