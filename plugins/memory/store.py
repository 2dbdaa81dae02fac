"""What a vector store does, whichever it is."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from planloom.plugins.memory.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    DimensionError,
    EmbeddingModelError,
    RecordError,
)
from planloom.plugins.memory.filters import Filter
from planloom.plugins.memory.record import Collection, Match, Record, check_record

__all__ = ["VectorStore", "WordStore", "check_records", "check_same", "find_collection"]


class VectorStore(Protocol):
    """Collections of records, found by key, by filter and by the nearness of vectors.

    A store may be used by many tasks and event loops. Every method raises ``StoreUnavailableError`` when the
    store cannot be reached, and ``CollectionNotFoundError`` for a collection that does not exist.
    """

    async def create(self, collection: Collection) -> None:
        """Make the collection unless it is there.

        Raises:
            CollectionMismatchError: it is there, with another model, dimension or distance.
        """
        ...

    async def collections(self) -> list[Collection]:
        """All collections, by name."""
        ...

    async def drop(self, name: str) -> None:
        """Forget a collection with all its records."""
        ...

    async def upsert(self, name: str, records: Sequence[Record]) -> None:
        """Add records, replacing those of the same keys: all of them or, after an error, none.

        Raises:
            DimensionError: a vector has another dimension than the collection's.
            RecordError: a record is not plain data.
        """
        ...

    async def get(self, name: str, keys: Sequence[str]) -> list[Record]:
        """Those of the records that exist, with vectors, in the order of ``keys``."""
        ...

    async def remove(self, name: str, keys: Sequence[str]) -> None:
        """Forget records; unknown keys are passed over."""
        ...

    async def nearest(
        self, name: str, vector: Sequence[float], limit: int, where: Filter | None = None
    ) -> list[Match]:
        """At most ``limit`` records that pass ``where``, best first, without vectors."""
        ...

    def scan(self, name: str, where: Filter | None = None) -> AsyncIterator[Record]:
        """Every record that passes ``where``, without vectors, in no certain order."""
        ...

    async def keys(self, name: str, source: str) -> frozenset[str]:
        """The keys of all records from one source."""
        ...

    async def sources(self, name: str) -> frozenset[str]:
        """Where the records of a collection came from."""
        ...

    async def fields(self, name: str) -> frozenset[str]:
        """The metadata fields that at least one record has."""
        ...

    async def close(self) -> None:
        """Let go of files and connections. May be called twice."""
        ...


@runtime_checkable
class WordStore(Protocol):
    """A store that can also find records by their words, best first by BM25 or its like."""

    async def by_words(
        self, name: str, text: str, limit: int, where: Filter | None = None
    ) -> list[Match]: ...


def check_same(held: Collection, wanted: Collection) -> None:
    """Raise a ``CollectionMismatchError`` unless the two are made alike."""
    if held.model != wanted.model:
        raise EmbeddingModelError(held.name, held.model, wanted.model)
    if held.dimension != wanted.dimension:
        raise DimensionError(held.name, held.dimension, wanted.dimension)
    if held.distance != wanted.distance:
        raise CollectionMismatchError(
            held.name, f"compares by {held.distance} and not by {wanted.distance}; use another collection."
        )


def check_records(collection: Collection, records: Sequence[Record]) -> None:
    """Refuse records that the collection cannot hold, before anything is written.

    Raises:
        DimensionError: a vector has another dimension.
        RecordError: a vector is not finite, or a record is not plain data.
    """
    for record in records:
        check_record(record)
        check_vector(collection, record.vector, record.key)


def check_vector(collection: Collection, vector: Sequence[float], key: str = "") -> None:
    """Refuse a vector of another dimension (``DimensionError``) or with endless numbers (``RecordError``)."""
    if len(vector) != collection.dimension:
        raise DimensionError(collection.name, collection.dimension, len(vector))
    if not math.isfinite(sum(vector)):
        raise RecordError(key, "its vector holds something else than finite numbers.")


async def find_collection(store: VectorStore, name: str) -> Collection:
    """The collection of that name; raises ``CollectionNotFoundError`` with the names there are."""
    known = {collection.name: collection for collection in await store.collections()}
    if name not in known:
        raise CollectionNotFoundError(name, tuple(known))
    return known[name]
