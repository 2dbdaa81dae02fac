"""Milvus through pymilvus: a file with Milvus Lite, and the same code against a server or a cluster."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from planloom.errors import MissingExtraError
from planloom.plugins.memory import facts
from planloom.plugins.memory.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    FilterError,
    RecordError,
    StoreUnavailableError,
)
from planloom.plugins.memory.filters import Filter
from planloom.plugins.memory.record import Collection, Match, Record
from planloom.plugins.memory.store import check_records, check_same, check_vector

__all__ = ["MilvusStore", "milvus_expression"]

T = TypeVar("T")

CATALOGUE = "planloom_collections"
METRICS = {"cosine": "COSINE", "dot": "IP", "euclidean": "L2"}
LONGEST = 65_535
PAGE = 1000
PAYLOAD = ["id", "text", "source", "description", "is_reference", "metadata"]
SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


class MilvusStore:
    """Keeps collections in Milvus.

    Args:
        uri: the path of a file for Milvus Lite (it ends in ``.db``), or the address of a server or cluster
            as ``http://host:19530``.
        token: ``user:password`` or a key, for a server that wants one. It is never shown.
        database: of the server; it must exist. The server's default if left out.
        timeout: seconds for one request.

    A cluster's index may be approximate; Milvus Lite's searches are exact. Manhattan distance is not offered
    by Milvus. Texts have at most 65,535 bytes.

    Raises:
        MissingExtraError: pymilvus is not installed.
        StoreUnavailableError: the server cannot be reached or refuses the token, or the file cannot be used.
    """

    def __init__(self, uri: str, *, token: str = "", database: str = "", timeout: float = 30.0) -> None:
        self._library = _library()
        self._uri, self._timeout = uri, timeout
        self._lock = threading.RLock()
        self._loaded: set[str] = set()
        with self._errors():
            self._client = self._library.MilvusClient(uri, token=token, db_name=database, timeout=timeout)
            self._make_catalogue()

    def __repr__(self) -> str:
        return f"MilvusStore({self._uri!r})"

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
        expression = "" if where is None else milvus_expression(where)
        for row in await self._run(self._rows, name, expression, PAYLOAD):
            yield _record(row)

    async def keys(self, name: str, source: str) -> frozenset[str]:
        rows = await self._run(self._rows, name, f"source == {_literal(source)}", ["id"])
        return frozenset(row["id"] for row in rows)

    async def sources(self, name: str) -> frozenset[str]:
        return frozenset(row["source"] for row in await self._run(self._rows, name, "", ["source"]))

    async def fields(self, name: str) -> frozenset[str]:
        rows = await self._run(self._rows, name, "", ["facts"])
        return frozenset(field for row in rows for field in row["facts"][facts.FIELDS]) - {facts.NO_FIELD}

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
        # pymilvus wraps most failures, but not that a server lacks what is asked
        problems = (self._library.MilvusException, importlib.import_module("grpc").RpcError, OSError)
        try:
            yield
        except problems as error:
            message = getattr(error, "message", "") or str(error)
            raise StoreUnavailableError(f"Milvus at {self._uri}", f"{message}") from error

    # -- collections -----------------------------------------------------------------------------------

    def _make_catalogue(self) -> None:
        """Where names, models and distances are kept: not every Milvus keeps a collection's description."""
        if not self._client.has_collection(CATALOGUE):
            self._make(CATALOGUE, 2, "COSINE", {"info": self._library.DataType.JSON})
        self._load(CATALOGUE)

    def _known(self) -> dict[str, Collection]:
        rows = self._all_rows(CATALOGUE, "", ["info"])
        return {row["info"]["name"]: Collection(**row["info"]) for row in rows}

    def _collection(self, name: str) -> Collection:
        known = self._known()
        if name not in known:
            raise CollectionNotFoundError(name, tuple(known))
        self._load(_inner(name))
        return known[name]

    def _load(self, inner: str) -> None:
        """A server that has just started, or was told to, does not hold a collection in its memory."""
        if inner not in self._loaded:
            self._client.load_collection(inner, timeout=self._timeout)
            self._loaded.add(inner)

    def _create(self, wanted: Collection) -> None:
        if wanted.distance not in METRICS:
            raise CollectionMismatchError(wanted.name, f"cannot compare by {wanted.distance} in Milvus.")
        held = self._known().get(wanted.name)
        if held is not None:
            check_same(held, wanted)
            return
        kinds = self._library.DataType
        columns = {"text": kinds.VARCHAR, "source": kinds.VARCHAR, "description": kinds.VARCHAR}
        columns |= {"is_reference": kinds.BOOL, "metadata": kinds.JSON, "facts": kinds.JSON}
        inner = _inner(wanted.name)
        if not self._client.has_collection(inner):  # a run that was stopped between the two may have made it
            self._make(inner, wanted.dimension, METRICS[wanted.distance], columns)
        info = {
            "name": wanted.name,
            "model": wanted.model,
            "dimension": wanted.dimension,
            "distance": wanted.distance,
        }
        self._client.upsert(CATALOGUE, [{"id": inner, "info": info, "vector": [1.0, 0.0]}])

    def _make(self, inner: str, dimension: int, metric: str, columns: dict[str, Any]) -> None:
        kinds = self._library.DataType
        schema = self._library.MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", kinds.VARCHAR, is_primary=True, max_length=4 * 512)
        for name, kind in columns.items():
            schema.add_field(name, kind, **({"max_length": LONGEST} if kind == kinds.VARCHAR else {}))
        schema.add_field("vector", kinds.FLOAT_VECTOR, dim=dimension)
        index = self._client.prepare_index_params()
        index.add_index("vector", index_type="AUTOINDEX", metric_type=metric)
        self._client.create_collection(inner, schema=schema, index_params=index, consistency_level="Strong")

    def _drop(self, name: str) -> None:
        inner = _inner(self._collection(name).name)
        self._client.drop_collection(inner)
        self._loaded.discard(inner)
        self._client.delete(CATALOGUE, ids=[inner])

    # -- records ---------------------------------------------------------------------------------------

    def _upsert(self, name: str, records: Sequence[Record]) -> None:
        collection = self._collection(name)
        check_records(collection, records)
        rows = {record.key: _row(record) for record in records}
        if rows:
            self._client.upsert(_inner(name), list(rows.values()))

    def _get(self, name: str, keys: Sequence[str]) -> list[Record]:
        self._collection(name)
        if not keys:
            return []
        rows = self._client.get(_inner(name), ids=keys, output_fields=[*PAYLOAD, "vector"])
        found = {row["id"]: _record(row, [float(value) for value in row["vector"]]) for row in rows}
        return [found[key] for key in keys if key in found]

    def _remove(self, name: str, keys: Sequence[str]) -> None:
        self._collection(name)
        if keys:
            self._client.delete(_inner(name), ids=keys)

    def _nearest(self, name: str, vector: Sequence[float], limit: int, where: Filter | None) -> list[Match]:
        collection = self._collection(name)
        check_vector(collection, vector)
        expression = "" if where is None else milvus_expression(where)
        (hits,) = self._client.search(
            _inner(name),
            data=[vector],
            limit=limit,
            filter=expression,
            output_fields=PAYLOAD,
            search_params={"metric_type": METRICS[collection.distance]},
        )
        return [Match(_record(hit["entity"]), _score(collection, float(hit["distance"]))) for hit in hits]

    def _rows(self, name: str, expression: str, fields: list[str]) -> list[dict[str, Any]]:
        self._collection(name)
        return self._all_rows(_inner(name), expression, fields)

    def _all_rows(self, inner: str, expression: str, fields: list[str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        pages = self._client.query_iterator(
            inner, batch_size=PAGE, filter=expression or 'id != ""', output_fields=fields
        )
        while page := pages.next():
            rows += page
        pages.close()
        return rows


def milvus_expression(wanted: Filter) -> str:
    """A filter as Milvus writes it, on the column of facts; texts are quoted.

    Raises:
        FilterError: a text holds a control character, which Milvus cannot quote.
    """
    return _expression(facts.condition(wanted))


def _expression(condition: facts.Condition) -> str:
    match condition:
        case facts.Test(fact, sign, value):
            return f'({_exists(fact)} and facts["{fact}"] {SIGNS[sign]} {_literal(value)})'
        case facts.Holds(fact, value):
            return f'({_exists(fact)} and json_contains(facts["{fact}"], {_literal(value)}))'
        case facts.Lacks(fact, value):
            return f'({_exists(fact)} and not json_contains(facts["{fact}"], {_literal(value)}))'
        case facts.Absent(fact):
            return f"(not {_exists(fact)})"
        case facts.All(parts):
            return f"({' and '.join(map(_expression, parts))})" if parts else '(id != "")'
        case facts.Any(parts):
            return f"({' or '.join(map(_expression, parts))})" if parts else '(id == "")'


def _exists(fact: str) -> str:
    """In brackets: a server reads ``exists a and b`` as whether ``a and b`` exists."""
    return f'(exists facts["{fact}"])'


def _literal(value: str | float) -> str:
    if isinstance(value, str):
        if any(character < " " for character in value):
            raise FilterError("Milvus cannot compare with a text that holds control characters.", value)
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)


def _score(collection: Collection, distance: float) -> float:
    return 1 / (1 + max(distance, 0.0) ** 0.5) if collection.distance == "euclidean" else distance


def _row(record: Record) -> dict[str, Any]:
    for text in (record.text, record.source, record.description):
        if len(text.encode()) > LONGEST:
            raise RecordError(record.key, f"Milvus takes texts of at most {LONGEST:,} bytes; split it.")
    return {
        "id": record.key,
        "text": record.text,
        "source": record.source,
        "description": record.description,
        "is_reference": record.is_reference,
        "metadata": json.loads(json.dumps(dict(record.metadata))),
        "facts": facts.facts_of(record.metadata),
        "vector": [float(value) for value in record.vector],
    }


def _record(row: Any, vector: Sequence[float] = ()) -> Record:
    return Record(
        row["id"],
        row["text"],
        vector,
        row["source"],
        row["description"],
        bool(row["is_reference"]),
        dict(row["metadata"]),
    )


def _inner(name: str) -> str:
    """Milvus takes letters, digits and underscores; any other name becomes its hash."""
    return f"planloom_{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _library() -> Any:
    try:
        return importlib.import_module("pymilvus")
    except ImportError as error:
        raise MissingExtraError("pymilvus", "milvus", "MilvusStore") from error
