"""A store in one file: SQLite for what must last, a matrix in memory for what must be quick.

Why not sqlite-vec: it reads every vector from the file for every search, which for 100,000 of 384 dimensions
took 59 ms where the matrix product here took 8 (``benchmarks/memory.py`` shows both), and it needs an SQLite
that may load extensions, which many Pythons are built without. The price is memory: four bytes for every
dimension of every vector, 154 MB for those 100,000, taken by a collection's first search.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from planloom.planners.retrieval.words import words
from planloom.plugins.memory.errors import CollectionNotFoundError
from planloom.plugins.memory.filters import Filter
from planloom.plugins.memory.record import Collection, Match, Record, searchable_text
from planloom.plugins.memory.sql_filter import SqlCondition, sqlite_condition
from planloom.plugins.memory.sqlite_file import SqliteFile
from planloom.plugins.memory.store import check_records, check_same, check_vector
from planloom.plugins.memory.vectors import VectorMatrix, packed, unpacked

__all__ = ["FileStore"]

T = TypeVar("T")

APPLICATION = 0x706C6D31  # "plm1": marks the file as a planloom store
VERSION = 1
SCHEMA = """
CREATE TABLE collections (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, model TEXT NOT NULL,
    dimension INTEGER NOT NULL, distance TEXT NOT NULL);
CREATE TABLE records (
    id INTEGER PRIMARY KEY, collection INTEGER NOT NULL REFERENCES collections(id), key TEXT NOT NULL,
    source TEXT NOT NULL, text TEXT NOT NULL, description TEXT NOT NULL, is_reference INTEGER NOT NULL,
    metadata TEXT NOT NULL, vector BLOB NOT NULL, UNIQUE (collection, key));
CREATE INDEX records_by_source ON records (collection, source);
"""
COLUMNS = "key, text, source, description, is_reference, metadata"
UPSERT = f"""
INSERT INTO records (collection, {COLUMNS}, vector) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (collection, key) DO UPDATE SET text = excluded.text, source = excluded.source,
    description = excluded.description, is_reference = excluded.is_reference,
    metadata = excluded.metadata, vector = excluded.vector
RETURNING id
"""
AT_ONCE = 500  # parameters in one statement
PAGE = 1000  # records read before others may have a turn


@dataclass(slots=True)
class _Shelf:
    """A collection of the file, and its vectors once they were read."""

    number: int
    collection: Collection
    vectors: VectorMatrix | None = None


class FileStore:
    """Keeps collections in one file, which several processes may share.

    Args:
        path: the file; it is made if need be. ``:memory:`` keeps all in memory.
        timeout: seconds to wait for another process that writes.

    Searches are exact. The file is an ordinary SQLite database. After a crash it holds every call that had
    returned, and nothing of one that had not.

    Raises:
        StoreFormatError: the file is something else, or of a newer planloom.
        StoreUnavailableError: the file cannot be opened or written.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 10.0) -> None:
        self.path = os.fspath(path)
        self._lock = threading.RLock()
        self._shelves: dict[str, _Shelf] = {}
        self._seen = -1
        self._file = SqliteFile(self.path, SCHEMA, application=APPLICATION, version=VERSION, timeout=timeout)

    def __repr__(self) -> str:
        return f"FileStore({self.path!r})"

    # -- what a store does -----------------------------------------------------------------------------

    async def create(self, collection: Collection) -> None:
        await self._run(self._create, collection)

    async def collections(self) -> list[Collection]:
        return await self._run(lambda: [shelf.collection for shelf in self._refreshed().values()])

    async def drop(self, name: str) -> None:
        await self._run(self._drop, name)

    async def upsert(self, name: str, records: Sequence[Record]) -> None:
        await self._run(self._upsert, name, list(records))

    async def get(self, name: str, keys: Sequence[str]) -> list[Record]:
        return await self._run(self._get, name, list(keys))

    async def remove(self, name: str, keys: Sequence[str]) -> None:
        await self._run(self._remove, name, list(keys))

    async def nearest(
        self, name: str, vector: Sequence[float], limit: int, where: Filter | None = None
    ) -> list[Match]:
        return await self._run(self._nearest, name, vector, limit, where)

    async def by_words(self, name: str, text: str, limit: int, where: Filter | None = None) -> list[Match]:
        return await self._run(self._by_words, name, text, limit, where)

    async def scan(self, name: str, where: Filter | None = None) -> AsyncIterator[Record]:
        last = 0
        while page := await self._run(self._page, name, where, last):
            for _, record in page:
                yield record
            last = page[-1][0]

    async def keys(self, name: str, source: str) -> frozenset[str]:
        found = "SELECT key FROM records WHERE collection = ? AND source = ?"
        return await self._run(lambda: self._column(found, self._shelf(name).number, source))

    async def sources(self, name: str) -> frozenset[str]:
        found = "SELECT DISTINCT source FROM records WHERE collection = ?"
        return await self._run(lambda: self._column(found, self._shelf(name).number))

    async def fields(self, name: str) -> frozenset[str]:
        found = "SELECT DISTINCT field.key FROM records, json_each(metadata) AS field WHERE collection = ?"
        return await self._run(lambda: self._column(found, self._shelf(name).number))

    async def close(self) -> None:
        with self._lock:
            self._file.close()

    # -- how -------------------------------------------------------------------------------------------

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        def locked() -> T:
            with self._lock, self._file.errors():
                return work(*arguments)

        return await asyncio.to_thread(locked)

    def _refreshed(self) -> dict[str, _Shelf]:
        """The collections, read again when another process has written."""
        (seen,) = self._file.execute("PRAGMA data_version").fetchone()
        if seen != self._seen:
            rows = self._file.execute(
                "SELECT id, name, model, dimension, distance FROM collections ORDER BY name"
            )
            self._shelves = {row[1]: _Shelf(row[0], Collection(*row[1:])) for row in rows}
            self._seen = seen
        return self._shelves

    def _shelf(self, name: str) -> _Shelf:
        shelves = self._refreshed()
        if name not in shelves:
            raise CollectionNotFoundError(name, tuple(shelves))
        return shelves[name]

    def _create(self, wanted: Collection) -> None:
        with self._file.transaction():
            held = self._refreshed().get(wanted.name)
            if held is None:
                self._insert_collection(wanted)
        if held is not None:
            check_same(held.collection, wanted)
        self._seen = -1

    def _insert_collection(self, wanted: Collection) -> None:
        found = self._file.execute(
            "INSERT INTO collections (name, model, dimension, distance) VALUES (?, ?, ?, ?)",
            (wanted.name, wanted.model, wanted.dimension, wanted.distance),
        )
        self._file.execute(
            f"CREATE VIRTUAL TABLE {_words_table(found.lastrowid)} USING fts5(words, tokenize = 'unicode61')"
        )

    def _drop(self, name: str) -> None:
        number = self._shelf(name).number
        with self._file.transaction():
            self._file.execute("DELETE FROM records WHERE collection = ?", (number,))
            self._file.execute(f"DROP TABLE {_words_table(number)}")
            self._file.execute("DELETE FROM collections WHERE id = ?", (number,))
        self._seen = -1

    def _upsert(self, name: str, records: Sequence[Record]) -> None:
        shelf = self._shelf(name)
        check_records(shelf.collection, records)
        with self._file.transaction():
            numbers = [self._write(shelf.number, record) for record in records]
        if shelf.vectors is not None:
            for number, record in zip(numbers, records, strict=True):
                shelf.vectors.put(number, record.vector)

    def _write(self, collection: int, record: Record) -> int:
        row = (
            collection,
            record.key,
            record.text,
            record.source,
            record.description,
            record.is_reference,
            json.dumps(dict(record.metadata), ensure_ascii=False),
            packed(record.vector),
        )
        number: int = self._file.execute(UPSERT, row).fetchone()[0]
        table = _words_table(collection)
        text = " ".join(words(searchable_text(record)))
        self._file.execute(f"DELETE FROM {table} WHERE rowid = ?", (number,))
        self._file.execute(f"INSERT INTO {table} (rowid, words) VALUES (?, ?)", (number, text))
        return number

    def _get(self, name: str, keys: Sequence[str]) -> list[Record]:
        number = self._shelf(name).number
        found: dict[str, Record] = {}
        for part in _parts(keys):
            query = f"SELECT {COLUMNS}, vector FROM records WHERE collection = ? AND key IN ({_marks(part)})"
            for *row, vector in self._file.execute(query, (number, *part)):
                found[row[0]] = _record(row, unpacked(vector))
        return [found[key] for key in keys if key in found]

    def _remove(self, name: str, keys: Sequence[str]) -> None:
        shelf = self._shelf(name)
        removed: list[int] = []
        with self._file.transaction():
            for part in _parts(keys):
                query = f"DELETE FROM records WHERE collection = ? AND key IN ({_marks(part)}) RETURNING id"
                removed += [row[0] for row in self._file.execute(query, (shelf.number, *part)).fetchall()]
            for number in removed:
                self._file.execute(f"DELETE FROM {_words_table(shelf.number)} WHERE rowid = ?", (number,))
        if shelf.vectors is not None:
            for number in removed:
                shelf.vectors.remove(number)

    def _nearest(self, name: str, vector: Sequence[float], limit: int, where: Filter | None) -> list[Match]:
        shelf = self._shelf(name)
        check_vector(shelf.collection, vector)
        among = None if where is None else self._passing(shelf.number, where)
        return self._matches(self._vectors(shelf).nearest(vector, limit, among))

    def _passing(self, collection: int, where: Filter) -> list[int]:
        condition, values = sqlite_condition(where)
        query = f"SELECT id FROM records WHERE collection = ? AND {condition}"
        return [row[0] for row in self._file.execute(query, (collection, *values))]

    def _vectors(self, shelf: _Shelf) -> VectorMatrix:
        if shelf.vectors is None:
            query = "SELECT id, vector FROM records WHERE collection = ? ORDER BY id"
            rows = self._file.execute(query, (shelf.number,)).fetchall()
            shelf.vectors = VectorMatrix(shelf.collection.dimension, shelf.collection.distance)
            shelf.vectors.load([row[0] for row in rows], b"".join(row[1] for row in rows))
        return shelf.vectors

    def _by_words(self, name: str, text: str, limit: int, where: Filter | None) -> list[Match]:
        shelf, asked = self._shelf(name), dict.fromkeys(words(text))
        if not asked or limit < 1:
            return []
        table = _words_table(shelf.number)
        condition, values = _optional(where)
        query = (
            f"SELECT records.id, -bm25({table}) AS score FROM {table} JOIN records ON records.id = "
            f"{table}.rowid WHERE {table} MATCH ? AND {condition} ORDER BY score DESC, records.id LIMIT ?"
        )
        wanted = " OR ".join(f'"{word}"' for word in asked)
        return self._matches(self._file.execute(query, (wanted, *values, limit)).fetchall())

    def _matches(self, found: Sequence[tuple[int, float]]) -> list[Match]:
        records: dict[int, Record] = {}
        for part in _parts([number for number, _ in found]):
            query = f"SELECT id, {COLUMNS} FROM records WHERE id IN ({_marks(part)})"
            records.update((number, _record(row)) for number, *row in self._file.execute(query, part))
        return [Match(records[number], score) for number, score in found]

    def _page(self, name: str, where: Filter | None, last: int) -> list[tuple[int, Record]]:
        condition, values = _optional(where)
        query = (
            f"SELECT id, {COLUMNS} FROM records WHERE collection = ? AND id > ? AND {condition} "
            "ORDER BY id LIMIT ?"
        )
        rows = self._file.execute(query, (self._shelf(name).number, last, *values, PAGE))
        return [(number, _record(row)) for number, *row in rows]

    def _column(self, query: str, *values: Any) -> frozenset[str]:
        return frozenset(row[0] for row in self._file.execute(query, values))


def _words_table(collection: int | None) -> str:
    return f"words_{int(collection or 0)}"


def _optional(where: Filter | None) -> SqlCondition:
    return ("1", []) if where is None else sqlite_condition(where)


def _record(row: Sequence[Any], vector: Sequence[float] = ()) -> Record:
    key, text, source, description, is_reference, metadata = row
    return Record(key, text, vector, source, description, bool(is_reference), json.loads(metadata))


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))
