"""PostgreSQL with the extension pgvector, through psycopg."""

from __future__ import annotations

import asyncio
import importlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from planloom.errors import MissingExtraError
from planloom.planners.retrieval.words import words
from planloom.plugins.memory.errors import (
    CollectionNotFoundError,
    DimensionError,
    StoreUnavailableError,
)
from planloom.plugins.memory.filters import Filter
from planloom.plugins.memory.record import Collection, Distance, Match, Record, searchable_text
from planloom.plugins.memory.sql_filter import SqlCondition, postgres_condition
from planloom.plugins.memory.store import check_records, check_same, check_vector

__all__ = ["PgVectorStore"]

T = TypeVar("T")

SCHEMA = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE IF NOT EXISTS planloom_collections (
    id serial PRIMARY KEY, name text NOT NULL UNIQUE, model text NOT NULL, dimension integer NOT NULL,
    distance text NOT NULL);
"""
TABLE = """
CREATE TABLE {table} (
    key text COLLATE "C" PRIMARY KEY, source text NOT NULL, text text NOT NULL, description text NOT NULL,
    is_reference boolean NOT NULL, metadata jsonb NOT NULL, words tsvector NOT NULL,
    vector vector({dimension}) NOT NULL);
CREATE INDEX ON {table} (source);
CREATE INDEX ON {table} USING gin (words);
"""
UPSERT = """
INSERT INTO {table} VALUES (%s, %s, %s, %s, %s, %s::jsonb, array_to_tsvector(%s::text[]), %s::vector)
ON CONFLICT (key) DO UPDATE SET source = excluded.source, text = excluded.text,
    description = excluded.description, is_reference = excluded.is_reference, metadata = excluded.metadata,
    words = excluded.words, vector = excluded.vector
"""
COLUMNS = "key, text, source, description, is_reference, metadata"
# How near by each distance, and the operator of which pgvector's indexes know the order.
NEARNESS: dict[Distance, tuple[str, str, str]] = {
    "cosine": ("<=>", "coalesce(nullif(1 - (vector <=> %s::vector), 'NaN'), 0)", "vector_cosine_ops"),
    "dot": ("<#>", "-(vector <#> %s::vector)", "vector_ip_ops"),
    "euclidean": ("<->", "1 / (1 + (vector <-> %s::vector))", "vector_l2_ops"),
    "manhattan": ("<+>", "1 / (1 + (vector <+> %s::vector))", "vector_l1_ops"),
}
UNREADABLE = (
    "the address cannot be read. Write postgresql://user:password@host:port/database, with %40 for @ and %2F "
    "for / in a password, or host=... dbname=..."
)
MOST_INDEXED = 2000  # dimensions that pgvector's HNSW can index
PAGE = 1000


class PgVectorStore:
    """Keeps collections in a PostgreSQL database, each in a table of its own.

    Args:
        address: as psycopg takes it: ``postgresql://user:password@host/database`` or ``host=... dbname=...``.
            The password is never shown.
        timeout: seconds to wait for a connection.

    Searches are exact, and read the whole table, until ``add_index`` makes one of them approximate and quick.
    Words are found through the database's own full-text index, ranked by its ``ts_rank``.

    Raises:
        MissingExtraError: psycopg is not installed.
        StoreUnavailableError: the server cannot be reached, refuses the password, or has no pgvector.
    """

    def __init__(self, address: str, *, timeout: float = 10.0) -> None:
        self._library = _library()
        self._address, self._timeout = address, timeout
        self._lock = threading.RLock()
        self._connection: Any = None
        with self._errors():
            self._connected().execute(SCHEMA)

    def __repr__(self) -> str:
        return f"PgVectorStore({self._shown()!r})"

    async def create(self, collection: Collection) -> None:
        await self._run(self._create, collection)

    async def collections(self) -> list[Collection]:
        return await self._run(lambda: [known for _, known in self._known().values()])

    async def drop(self, name: str) -> None:
        await self._run(self._drop, name)

    async def upsert(self, name: str, records: Sequence[Record]) -> None:
        await self._run(self._upsert, name, list(records))

    async def get(self, name: str, keys: Sequence[str]) -> list[Record]:
        return await self._run(self._get, name, list(keys))

    async def remove(self, name: str, keys: Sequence[str]) -> None:
        await self._run(
            lambda: self._execute(f"DELETE FROM {self._table(name)} WHERE key = ANY(%s)", [list(keys)])
        )

    async def nearest(
        self, name: str, vector: Sequence[float], limit: int, where: Filter | None = None
    ) -> list[Match]:
        return await self._run(self._nearest, name, list(vector), limit, where)

    async def by_words(self, name: str, text: str, limit: int, where: Filter | None = None) -> list[Match]:
        return await self._run(self._by_words, name, text, limit, where)

    async def scan(self, name: str, where: Filter | None = None) -> AsyncIterator[Record]:
        last = ""
        while page := await self._run(self._page, name, where, last):
            for record in page:
                yield record
            last = page[-1].key

    async def keys(self, name: str, source: str) -> frozenset[str]:
        return await self._run(
            lambda: self._column(f"SELECT key FROM {self._table(name)} WHERE source = %s", [source])
        )

    async def sources(self, name: str) -> frozenset[str]:
        return await self._run(lambda: self._column(f"SELECT DISTINCT source FROM {self._table(name)}"))

    async def fields(self, name: str) -> frozenset[str]:
        return await self._run(
            lambda: self._column(f"SELECT DISTINCT jsonb_object_keys(metadata) FROM {self._table(name)}")
        )

    async def add_index(self, name: str) -> None:
        """Index a collection's vectors (HNSW): searches become approximate, and stay quick with millions.

        Raises:
            DimensionError: the vectors have more than the 2,000 dimensions that pgvector can index.
        """
        await self._run(self._add_index, name)

    async def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    # -- the connection --------------------------------------------------------------------------------

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        def locked() -> T:
            with self._lock, self._errors():
                return work(*arguments)

        return await asyncio.to_thread(locked)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._library.Error as error:
            shown = self._shown()
            if not shown:  # libpq repeats an address that it cannot read, with its password
                raise StoreUnavailableError("PostgreSQL", UNREADABLE) from None
            problem = str(error).strip().partition("\n")[0]
            raise StoreUnavailableError(shown, f"PostgreSQL: {problem}") from error

    def _connected(self) -> Any:
        """The connection; a new one when the server has ended the last."""
        if self._connection is None or self._connection.closed:
            self._connection = self._library.connect(
                self._address, autocommit=True, connect_timeout=int(self._timeout)
            )
        return self._connection

    def _shown(self) -> str:
        """The address without its password; empty if it cannot be read."""
        try:
            known = self._library.conninfo.conninfo_to_dict(self._address)
        except self._library.Error:
            return ""
        place = f"{known.get('host', 'localhost')}/{known.get('dbname', '')}"
        port = str(known.get("port", "5432")).replace(",", "")
        # A password with / or @ in it is read in part as the port, the host or the database.
        return f"PostgreSQL at {place}" if port.isdecimal() and "@" not in place else ""

    def _execute(self, query: str, values: Sequence[Any] = ()) -> Any:
        return self._connected().execute(query, values or None)

    def _column(self, query: str, values: Sequence[Any] = ()) -> frozenset[str]:
        return frozenset(row[0] for row in self._execute(query, values))

    # -- collections -----------------------------------------------------------------------------------

    def _known(self) -> dict[str, tuple[int, Collection]]:
        query = (
            'SELECT id, name, model, dimension, distance FROM planloom_collections ORDER BY name COLLATE "C"'
        )
        return {row[1]: (row[0], Collection(*row[1:])) for row in self._execute(query)}

    def _found(self, name: str) -> tuple[str, Collection]:
        known = self._known()
        if name not in known:
            raise CollectionNotFoundError(name, tuple(known))
        number, collection = known[name]
        return f"planloom_records_{int(number)}", collection

    def _table(self, name: str) -> str:
        return self._found(name)[0]

    def _create(self, wanted: Collection) -> None:
        with self._connected().transaction():
            found = self._execute(
                "INSERT INTO planloom_collections (name, model, dimension, distance) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (name) DO NOTHING RETURNING id",
                [wanted.name, wanted.model, wanted.dimension, wanted.distance],
            ).fetchone()
            if found is not None:
                table = f"planloom_records_{int(found[0])}"
                self._execute(TABLE.format(table=table, dimension=int(wanted.dimension)))
        check_same(self._found(wanted.name)[1], wanted)

    def _drop(self, name: str) -> None:
        table = self._table(name)
        with self._connected().transaction():
            self._execute(f"DROP TABLE {table}")
            self._execute("DELETE FROM planloom_collections WHERE name = %s", [name])

    def _add_index(self, name: str) -> None:
        table, collection = self._found(name)
        if collection.dimension > MOST_INDEXED:
            raise DimensionError(name, MOST_INDEXED, collection.dimension)
        kind = NEARNESS[collection.distance][2]
        self._execute(f"CREATE INDEX IF NOT EXISTS {table}_hnsw ON {table} USING hnsw (vector {kind})")

    # -- records ---------------------------------------------------------------------------------------

    def _upsert(self, name: str, records: Sequence[Record]) -> None:
        table, collection = self._found(name)
        check_records(collection, records)
        with self._connected().transaction(), self._connected().cursor() as cursor:
            cursor.executemany(UPSERT.format(table=table), [_row(record) for record in records])

    def _get(self, name: str, keys: Sequence[str]) -> list[Record]:
        query = f"SELECT {COLUMNS}, vector::text FROM {self._table(name)} WHERE key = ANY(%s)"
        rows = self._execute(query, [list(keys)])
        found = {row[0]: _record(row, json.loads(row[6])) for row in rows}
        return [found[key] for key in keys if key in found]

    def _nearest(self, name: str, vector: Sequence[float], limit: int, where: Filter | None) -> list[Match]:
        table, collection = self._found(name)
        check_vector(collection, vector)
        sign, score, _ = NEARNESS[collection.distance]
        condition, values = _optional(where)
        asked = _vector(vector)
        query = (
            f"SELECT {COLUMNS}, {score} FROM {table} WHERE {condition} "
            f"ORDER BY vector {sign} %s::vector LIMIT %s"
        )
        rows = self._execute(query, [asked, *values, asked, limit])
        return [Match(_record(row), float(row[6])) for row in rows]

    def _by_words(self, name: str, text: str, limit: int, where: Filter | None) -> list[Match]:
        table, asked = self._table(name), sorted(set(words(text)))
        if not asked:
            return []
        condition, values = _optional(where)
        wanted = " | ".join(f"'{_quoted(word)}'" for word in asked)
        query = (
            f"SELECT {COLUMNS}, ts_rank(words, asked, 1) AS score FROM {table}, CAST(%s AS tsquery) AS asked "
            f"WHERE words @@ asked AND {condition} ORDER BY score DESC, key LIMIT %s"
        )
        rows = self._execute(query, [wanted, *values, limit])
        return [Match(_record(row), float(row[6])) for row in rows]

    def _page(self, name: str, where: Filter | None, last: str) -> list[Record]:
        condition, values = _optional(where)
        query = (
            f"SELECT {COLUMNS} FROM {self._table(name)} WHERE key > %s AND {condition} ORDER BY key LIMIT %s"
        )
        return [_record(row) for row in self._execute(query, [last, *values, PAGE])]


def _optional(where: Filter | None) -> SqlCondition:
    return ("true", []) if where is None else postgres_condition(where)


def _row(record: Record) -> list[Any]:
    return [
        record.key,
        record.source,
        record.text,
        record.description,
        record.is_reference,
        json.dumps(dict(record.metadata)),
        sorted(set(words(searchable_text(record)))),
        _vector(record.vector),
    ]


def _vector(values: Sequence[float]) -> str:
    return f"[{','.join(repr(float(value)) for value in values)}]"


def _quoted(word: str) -> str:
    return word.replace("\\", "\\\\").replace("'", "''")


def _record(row: Sequence[Any], vector: Sequence[float] = ()) -> Record:
    key, text, source, description, is_reference, metadata = row[:6]
    return Record(key, text, vector, source, description, is_reference, metadata)


def _library() -> Any:
    try:
        return importlib.import_module("psycopg")
    except ImportError as error:
        raise MissingExtraError("psycopg", "pgvector", "PgVectorStore") from error
