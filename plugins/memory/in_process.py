"""A store in this process's memory: for tests, notebooks and what need not outlive the program."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import AsyncIterator, Iterator, Sequence

from planloom.planners.retrieval.word_index import Field, WordIndex
from planloom.plugins.memory.errors import CollectionNotFoundError
from planloom.plugins.memory.filters import Filter, matches
from planloom.plugins.memory.record import Collection, Match, Record, searchable_text
from planloom.plugins.memory.store import check_records, check_same, check_vector
from planloom.plugins.memory.vectors import MakeIndex, VectorMatrix

__all__ = ["InProcessStore"]

TEXT = {"text": Field(length_penalty=0.75)}


class InProcessStore:
    """Keeps records in memory; nothing is written anywhere.

    Args:
        index: makes the index of a collection's vectors; exact if left out, and not so by ``faiss_index``
            and ``annoy_index``.
    """

    def __init__(self, index: MakeIndex = VectorMatrix) -> None:
        self._index = index
        self._shelves: dict[str, _Shelf] = {}
        self._lock = threading.RLock()

    async def create(self, collection: Collection) -> None:
        with self._lock:
            shelf = self._shelves.setdefault(collection.name, _Shelf(collection, self._index))
        check_same(shelf.collection, collection)

    async def collections(self) -> list[Collection]:
        with self._lock:
            return [self._shelves[name].collection for name in sorted(self._shelves)]

    async def drop(self, name: str) -> None:
        with self._lock:
            self._shelf(name)
            del self._shelves[name]

    async def upsert(self, name: str, records: Sequence[Record]) -> None:
        with self._lock:
            shelf = self._shelf(name)
            check_records(shelf.collection, records)
            for record in records:
                shelf.put(record)

    async def get(self, name: str, keys: Sequence[str]) -> list[Record]:
        with self._lock:
            return self._shelf(name).get(keys)

    async def remove(self, name: str, keys: Sequence[str]) -> None:
        with self._lock:
            self._shelf(name).remove(keys)

    async def nearest(
        self, name: str, vector: Sequence[float], limit: int, where: Filter | None = None
    ) -> list[Match]:
        with self._lock:
            shelf = self._shelf(name)
            check_vector(shelf.collection, vector)
            return shelf.nearest(vector, limit, where)

    async def by_words(self, name: str, text: str, limit: int, where: Filter | None = None) -> list[Match]:
        with self._lock:
            return self._shelf(name).by_words(text, limit, where)

    async def scan(self, name: str, where: Filter | None = None) -> AsyncIterator[Record]:
        with self._lock:
            found = [
                record for record in self._shelf(name) if where is None or matches(where, record.metadata)
            ]
        for record in found:
            yield record

    async def keys(self, name: str, source: str) -> frozenset[str]:
        with self._lock:
            return frozenset(record.key for record in self._shelf(name) if record.source == source)

    async def sources(self, name: str) -> frozenset[str]:
        with self._lock:
            return frozenset(record.source for record in self._shelf(name))

    async def fields(self, name: str) -> frozenset[str]:
        with self._lock:
            return frozenset(field for record in self._shelf(name) for field in record.metadata)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _shelf(self, name: str) -> _Shelf:
        if name not in self._shelves:
            raise CollectionNotFoundError(name, tuple(self._shelves))
        return self._shelves[name]


class _Shelf:
    """The records of one collection, each under a number."""

    def __init__(self, collection: Collection, index: MakeIndex) -> None:
        self.collection = collection
        self._records: dict[int, Record] = {}
        self._numbers: dict[str, int] = {}
        self._vectors = index(collection.dimension, collection.distance)
        self._words: tuple[list[int], WordIndex] | None = None
        self._next = 0

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def put(self, record: Record) -> None:
        number = self._numbers.get(record.key)
        if number is None:
            number = self._numbers[record.key] = self._next
            self._next += 1
        self._vectors.put(number, record.vector)
        self._records[number] = dataclasses.replace(record, vector=(), metadata=dict(record.metadata))
        self._words = None

    def get(self, keys: Sequence[str]) -> list[Record]:
        numbers = [self._numbers[key] for key in keys if key in self._numbers]
        return [
            dataclasses.replace(self._records[number], vector=self._vectors.vector(number))
            for number in numbers
        ]

    def remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            number = self._numbers.pop(key, None)
            if number is not None:
                self._vectors.remove(number)
                del self._records[number]
                self._words = None

    def nearest(self, vector: Sequence[float], limit: int, where: Filter | None) -> list[Match]:
        among = None if where is None else self._passing(where)
        found = self._vectors.nearest(vector, limit, among)
        return [Match(self._records[number], score) for number, score in found]

    def by_words(self, text: str, limit: int, where: Filter | None) -> list[Match]:
        if self._words is None:
            numbers = list(self._records)
            texts = [{"text": searchable_text(self._records[number])} for number in numbers]
            self._words = numbers, WordIndex(texts, TEXT)
        numbers, index = self._words
        passing = None if where is None else self._passing(where)
        ranking = index.rank(text, limit if passing is None else len(numbers))
        found = [(numbers[place], score) for place, score in ranking]
        kept = [(number, score) for number, score in found if passing is None or number in passing]
        return [Match(self._records[number], score) for number, score in kept[:limit]]

    def _passing(self, where: Filter) -> frozenset[int]:
        return frozenset(n for n, record in self._records.items() if matches(where, record.metadata))
