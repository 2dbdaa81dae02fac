"""A database as a skill: it reads, and what it may write is declared statement by statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from planloom.decorator import Effect
from planloom.errors import ArgumentError, MissingExtraError, RegistrationError
from planloom.function import KernelFunction
from planloom.names import check_name
from planloom.parameter import Parameter
from planloom.skill import Skill

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from planloom.plugins.sql_database import Database

__all__ = ["Statement", "sql_skill"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Statement:
    """One statement that plans may run, with ``:name`` where a value goes.

    Values are bound, never written into the text, so no value can become SQL. ``types`` are the values'
    types by name; without one a value is passed as it comes.
    """

    sql: str
    description: str = ""
    effect: Effect = "write"
    idempotent: bool = False
    types: Mapping[str, Any] | None = None


def sql_skill(
    database: str | Engine,
    name: str = "Database",
    *,
    tables: Sequence[str] | None = None,
    statements: Mapping[str, Statement] | None = None,
    free_queries: bool = True,
    read_only_account: bool = False,
    max_rows: int = 1000,
    timeout: float = 30.0,
    max_bytes: int = 10_000_000,
) -> Skill:
    """A database as a skill: ``tables``, ``columns``, ``find`` and ``query``, all reading, and statements.

    ``query`` takes any SQL that reads. That it only reads is seen to by the database and not by looking at
    the text: SQLite authorises every part of a statement, and PostgreSQL runs one statement in a read-only
    transaction. For what plans may see, give an account that may see only that.

    Args:
        database: an SQLAlchemy address or engine, as in ``sqlite:///shop.db``.
        name: what plans call the skill.
        tables: the tables that ``tables``, ``columns`` and ``find`` know; all if left out.
        statements: further functions by name; the only ones that can write.
        free_queries: offer ``query``.
        read_only_account: the database is another one, and its account can only read.
        max_rows: how many rows a result may have.
        timeout: seconds that one statement may take (SQLite and PostgreSQL).
        max_bytes: how long a result may be, as JSON.

    Raises:
        RegistrationError: ``query`` is wanted and the database cannot be kept from writing.
        MissingExtraError: SQLAlchemy is not installed.
    """
    try:
        from planloom.plugins.sql_database import Database, bound_names
    except ImportError as error:
        raise MissingExtraError(error.name or "sqlalchemy", "sql", "sql_skill") from error
    skill = check_name(name, "skill")
    made = Database(skill, database, tables, max_rows, timeout, max_bytes)
    if free_queries and not (made.can_be_kept_from_writing or read_only_account):
        raise RegistrationError(
            f"{made.dialect} cannot be kept from writing here. Say free_queries=False; or give an account "
            "that only reads, and say read_only_account=True. (For PostgreSQL, use the driver psycopg 3.)",
            database,
        )
    functions = _Reading(made, skill).functions(free_queries)
    for key, statement in (statements or {}).items():
        check_name(key, "function")
        functions[key] = _declared(made, skill, key, statement, bound_names(statement.sql))
    return Skill(skill, f"A {made.dialect} database.", functions)


def _declared(
    database: Database, skill: str, name: str, statement: Statement, bound: Sequence[str]
) -> KernelFunction:
    def run(**values: Any) -> Any:
        return database.run_declared(
            f"{skill}.{name}", statement.sql, values, reads=statement.effect != "write"
        )

    types = statement.types or {}
    unknown = types.keys() - set(bound)
    if unknown:
        raise RegistrationError(f"{skill}.{name}: types names {', '.join(unknown)}, which the SQL does not.")
    return KernelFunction(
        skill=skill,
        name=name,
        target=run,
        description=statement.description,
        effect=statement.effect,
        idempotent=statement.idempotent,
        declared_parameters=tuple(Parameter(key, types.get(key, Any)) for key in bound),
        declared_returns=list[Row] if statement.effect != "write" else Any,
    )


class _Reading:
    """The functions that every database has."""

    def __init__(self, database: Database, skill: str) -> None:
        self._database, self._skill = database, skill

    def functions(self, free_queries: bool) -> dict[str, KernelFunction]:
        targets: list[Callable[..., Any]] = [self.tables, self.columns, self.find]
        targets += [self.query] if free_queries else []
        return {target.__name__: self._function(target) for target in targets}

    def _function(self, target: Callable[..., Any]) -> KernelFunction:
        return KernelFunction(
            skill=self._skill,
            name=target.__name__,
            target=target,
            description=(target.__doc__ or "").strip(),
            effect="read",
            idempotent=True,
        )

    def tables(self) -> list[str]:
        """The names of the tables."""
        return self._database.table_names()

    def columns(self, table: str) -> list[Row]:
        """The columns of a table: name, type, and whether it may be empty."""
        return self._database.columns(f"{self._skill}.columns", table)

    def find(
        self,
        table: str,
        where: Annotated[dict[str, Any], "Values that columns must have"] = {},  # noqa: B006 - never changed
        columns: Annotated[list[str], "Which columns; all if empty"] = [],  # noqa: B006
        order_by: Annotated[str, "A column; -column for the largest first"] = "",
        limit: Annotated[int, "Rows at most"] = 100,
    ) -> list[Row]:
        """Rows of a table whose columns have the given values."""
        self._check_limit("find", limit)
        return self._database.find(f"{self._skill}.find", table, where, columns, order_by, limit)

    def query(
        self,
        sql: Annotated[str, "One SELECT, with :name where a value goes"],
        values: Annotated[dict[str, Any], "The values by name"] = {},  # noqa: B006
        limit: Annotated[int, "Rows at most"] = 100,
    ) -> list[Row]:
        """Rows that an SQL query finds; it can only read."""
        self._check_limit("query", limit)
        return self._database.query(f"{self._skill}.query", sql, values, limit)

    def _check_limit(self, function: str, limit: int) -> None:
        if not 1 <= limit <= self._database.max_rows:
            raise ArgumentError(f"{self._skill}.{function}", "limit", f"is 1 to {self._database.max_rows}")
