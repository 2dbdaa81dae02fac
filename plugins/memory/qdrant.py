"""Qdrant through its own client: a folder, this process's memory, or a server."""

from __future__ import annotations

import asyncio
import importlib
import math
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from planloom.errors import MissingExtraError
from planloom.plugins.memory import facts
from planloom.plugins.memory.errors import (
    CollectionNotFoundError,
    FilterError,
    StoreUnavailableError,
)
from planloom.plugins.memory.filters import Filter
from planloom.plugins.memory.record import Collection, Match, Record
from planloom.plugins.memory.store import check_records, check_same, check_vector

__all__ = ["QdrantStore"]

T = TypeVar("T")

CATALOGUE = "planloom_collections"
NAMESPACE = uuid.UUID("8c6f2d5e-3f0a-4b53-9a43-6d1a4f0c9b7e")
DISTANCES = {"cosine": "COSINE", "dot": "DOT", "euclidean": "EUCLID", "manhattan": "MANHATTAN"}
PAGE = 1000


class QdrantStore:
    """Keeps collections in Qdrant.

    Args:
        address: a server as ``http://host:6333``, the path of a folder, or ``:memory:``.
        api_key: for a server that wants one. It is never shown.
        timeout: seconds for one request.

    Qdrant compares numbers by size, and texts only for being equal.

    Raises:
        MissingExtraError: qdrant-client is not installed.
        StoreUnavailableError: the server cannot be reached or refuses the key, or the folder is in use.
    """

    def __init__(self, address: str, *, api_key: str | None = None, timeout: int = 30) -> None:
        self._library = _library()
        self._models = self._library.models
        self._address = address
        self._lock = threading.RLock()
        is_server = "://" in address
        options = {"url": address, "api_key": api_key} if is_server else _local(address)
        with self._errors():
            # its check of versions runs in a thread, where an unreachable server cannot be named
            self._client = self._library.QdrantClient(**options, timeout=timeout, check_compatibility=False)
            if not self._client.collection_exists(CATALOGUE):
                self._make(CATALOGUE, 1, "COSINE")

    def __repr__(self) -> str:
        return f"QdrantStore({self._address!r})"

    async def create(self, collection: Collection) -> None:
        await self._run(self._create, collection)

    async def collections(self) -> list[Collection]:
        return await self._run(lambda: sorted(self._known().values(), key=lambda known: known.name))

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
        return await self._run(self._nearest, name, list(vector), limit, where)

    async def scan(self, name: str, where: Filter | None = None) -> AsyncIterator[Record]:
        for payload in await self._run(self._payloads, name, self._filter(where)):
            yield _record(payload)

    async def keys(self, name: str, source: str) -> frozenset[str]:
        same = self._models.Filter(must=[self._equals("source", source)])
        return frozenset(payload["key"] for payload in await self._run(self._payloads, name, same))

    async def sources(self, name: str) -> frozenset[str]:
        return frozenset(payload["source"] for payload in await self._run(self._payloads, name, None))

    async def fields(self, name: str) -> frozenset[str]:
        payloads = await self._run(self._payloads, name, None)
        return frozenset(field for payload in payloads for field in payload["metadata"])

    async def close(self) -> None:
        with self._lock:
            self._client.close()

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        def locked() -> T:
            with self._lock, self._errors():
                return work(*arguments)

        return await asyncio.to_thread(locked)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        problems = importlib.import_module("qdrant_client.http.exceptions")
        try:
            yield
        except (problems.ApiException, problems.ResponseHandlingException, OSError, RuntimeError) as error:
            raise StoreUnavailableError(f"Qdrant at {self._address}", f"{str(error)[:300]}") from error

    # -- collections -----------------------------------------------------------------------------------

    def _known(self) -> dict[str, Collection]:
        return {info["name"]: Collection(**info) for info in self._all_payloads(CATALOGUE, None)}

    def _collection(self, name: str) -> Collection:
        known = self._known()
        if name not in known:
            raise CollectionNotFoundError(name, tuple(known))
        return known[name]

    def _create(self, wanted: Collection) -> None:
        held = self._known().get(wanted.name)
        if held is not None:
            check_same(held, wanted)
            return
        inner = _number(wanted.name)
        if not self._client.collection_exists(inner):  # a run that was stopped here may have made it
            self._make(inner, wanted.dimension, DISTANCES[wanted.distance])
        info = {
            "name": wanted.name,
            "model": wanted.model,
            "dimension": wanted.dimension,
            "distance": wanted.distance,
        }
        self._put(CATALOGUE, [self._models.PointStruct(id=inner, vector=[1.0], payload=info)])

    def _make(self, inner: str, dimension: int, distance: str) -> None:
        vectors = self._models.VectorParams(size=dimension, distance=self._models.Distance[distance])
        self._client.create_collection(inner, vectors_config=vectors)

    def _drop(self, name: str) -> None:
        inner = _number(self._collection(name).name)
        self._client.delete_collection(inner)
        self._client.delete(CATALOGUE, points_selector=[inner], wait=True)

    # -- records ---------------------------------------------------------------------------------------

    def _put(self, inner: str, points: Sequence[Any]) -> None:
        self._client.upsert(inner, points=list(points), wait=True)

    def _upsert(self, name: str, records: Sequence[Record]) -> None:
        check_records(self._collection(name), records)
        points = {record.key: self._point(record) for record in records}
        if points:
            self._put(_number(name), list(points.values()))

    def _point(self, record: Record) -> Any:
        payload = {
            "key": record.key,
            "text": record.text,
            "source": record.source,
            "description": record.description,
            "is_reference": record.is_reference,
            "metadata": dict(record.metadata),
            "facts": facts.facts_of(record.metadata),
            # Qdrant keeps vectors of length 1 where it compares by cosine
            "length": math.hypot(*record.vector),
        }
        vector = [float(value) for value in record.vector]
        return self._models.PointStruct(id=_number(record.key), vector=vector, payload=payload)

    def _get(self, name: str, keys: Sequence[str]) -> list[Record]:
        collection = self._collection(name)
        if not keys:
            return []
        found = self._client.retrieve(
            _number(name), ids=[_number(key) for key in keys], with_payload=True, with_vectors=True
        )
        by_key = {}
        for point in found:
            scale = point.payload["length"] if collection.distance == "cosine" else 1.0
            by_key[point.payload["key"]] = _record(point.payload, [value * scale for value in point.vector])
        return [by_key[key] for key in keys if key in by_key]

    def _remove(self, name: str, keys: Sequence[str]) -> None:
        self._collection(name)
        if keys:
            self._client.delete(_number(name), points_selector=[_number(key) for key in keys], wait=True)

    def _nearest(self, name: str, vector: Sequence[float], limit: int, where: Filter | None) -> list[Match]:
        collection = self._collection(name)
        check_vector(collection, vector)
        found = self._client.query_points(
            _number(name), query=vector, limit=limit, query_filter=self._filter(where), with_payload=True
        ).points
        return [Match(_record(point.payload), _score(collection, point.score)) for point in found]

    def _payloads(self, name: str, where: Any) -> list[dict[str, Any]]:
        self._collection(name)
        return self._all_payloads(_number(name), where)

    def _all_payloads(self, inner: str, where: Any) -> list[dict[str, Any]]:
        payloads: list[dict[str, Any]] = []
        following = None
        while True:
            points, following = self._client.scroll(
                inner, scroll_filter=where, limit=PAGE, offset=following, with_payload=True
            )
            payloads += [point.payload for point in points]
            if following is None:
                return payloads

    # -- filters ---------------------------------------------------------------------------------------

    def _filter(self, where: Filter | None) -> Any:
        return None if where is None else self._models.Filter(must=[self._condition(facts.condition(where))])

    def _condition(self, condition: facts.Condition) -> Any:
        models = self._models
        match condition:
            case facts.Test(fact, sign, value):
                return self._test(f"facts.{fact}", sign, value)
            case facts.Holds(fact, value):
                return self._equals(f"facts.{fact}", value)
            case facts.Lacks(fact, value):
                return models.Filter(
                    must_not=[self._equals(f"facts.{fact}", value), self._missing(f"facts.{fact}")]
                )
            case facts.Absent(fact):
                return self._missing(f"facts.{fact}")
            case facts.All(parts):
                return models.Filter(must=[self._condition(part) for part in parts])
            case facts.Any(parts) if parts:
                return models.Filter(should=[self._condition(part) for part in parts])
            case _:
                return models.HasIdCondition(has_id=[])

    def _test(self, key: str, sign: str, value: str | float) -> Any:
        models = self._models
        if sign == "ne":
            return models.Filter(must_not=[self._test(key, "eq", value), self._missing(key)])
        if isinstance(value, str):
            if sign != "eq":
                raise FilterError("Qdrant compares texts only for being equal.", value)
            return self._equals(key, value)
        if sign == "eq":
            return models.FieldCondition(key=key, range=models.Range(gte=value, lte=value))
        return models.FieldCondition(key=key, range=models.Range(**{sign: value}))

    def _equals(self, key: str, value: str) -> Any:
        return self._models.FieldCondition(key=key, match=self._models.MatchValue(value=value))

    def _missing(self, key: str) -> Any:
        return self._models.IsEmptyCondition(is_empty=self._models.PayloadField(key=key))


def _score(collection: Collection, score: float) -> float:
    return 1 / (1 + score) if collection.distance in ("euclidean", "manhattan") else score


def _record(payload: dict[str, Any], vector: Sequence[float] = ()) -> Record:
    return Record(
        payload["key"],
        payload["text"],
        vector,
        payload["source"],
        payload["description"],
        payload["is_reference"],
        payload["metadata"],
    )


def _number(text: str) -> str:
    """Qdrant takes only UUIDs as keys, and no name with a slash."""
    return str(uuid.uuid5(NAMESPACE, text))


def _local(address: str) -> dict[str, Any]:
    return {"location": address} if address == ":memory:" else {"path": address}


def _library() -> Any:
    try:
        return importlib.import_module("qdrant_client")
    except ImportError as error:
        raise MissingExtraError("qdrant-client", "qdrant", "QdrantStore") from error
