"""Stores behind servers: down, gone in the middle, or not installed; and what each alone can do."""

from __future__ import annotations

import asyncio
import importlib
import logging
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memory_stores import WordHashes
from milvus_server import MilvusServer
from planloom.errors import MissingExtraError
from planloom.plugins.memory.errors import (
    CollectionMismatchError,
    DimensionError,
    FilterError,
    RecordError,
    StoreUnavailableError,
)
from planloom.plugins.memory.facts import facts_of
from planloom.plugins.memory.filters import filter_from, matches
from planloom.plugins.memory.in_process import InProcessStore
from planloom.plugins.memory.milvus import MilvusStore, milvus_expression
from planloom.plugins.memory.pgvector import PgVectorStore
from planloom.plugins.memory.qdrant import QdrantStore
from planloom.plugins.memory.record import Collection, Record
from planloom.plugins.memory.store import VectorStore
from planloom.plugins.memory.text_memory import SemanticTextMemory
from postgres_server import new_database

CLIENTS = {"milvus": "pymilvus", "pgvector": "psycopg", "qdrant": "qdrant_client"}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine that nobody answers at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture(autouse=True)
def quiet_clients() -> Iterator[None]:
    """pymilvus logs every refused request with its traceback."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def connect(name: str, port: int) -> VectorStore:
    """A store at a port of this machine, with a password."""
    if name == "milvus":
        return MilvusStore(f"http://127.0.0.1:{port}", token="root:hunter2", timeout=1)
    if name == "pgvector":
        return PgVectorStore(f"postgresql://root:hunter2@127.0.0.1:{port}/memory", timeout=1)
    return QdrantStore(f"http://127.0.0.1:{port}", api_key="hunter2", timeout=1)


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_server_that_is_down_is_named_and_the_password_is_not(name: str, closed_port: int) -> None:
    pytest.importorskip(CLIENTS[name], reason=f"the package {CLIENTS[name]} is not installed")
    with pytest.raises(StoreUnavailableError) as caught:
        connect(name, closed_port)
    assert "127.0.0.1" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql//root:hunter2@127.0.0.1/memory",
        "postgresql://root:hunter2/x@127.0.0.1/memory",
        "postgresql://root:x@hunter2@127.0.0.1/memory",
        "host=127.0.0.1 pasword=hunter2",
    ],
)
def test_a_mistyped_address_of_postgres_is_not_repeated(address: str) -> None:
    pytest.importorskip("psycopg", reason="the package psycopg is not installed")
    with pytest.raises(StoreUnavailableError, match="cannot be read") as caught:
        PgVectorStore(address, timeout=1)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("module", "make"),
    [
        ("pymilvus", "milvus:MilvusStore"),
        ("psycopg", "pgvector:PgVectorStore"),
        ("qdrant_client", "qdrant:QdrantStore"),
        ("faiss", "faiss:faiss_index"),
        ("annoy", "annoy:annoy_index"),
    ],
)
def test_a_client_that_is_not_installed_is_named(
    module: str, make: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(name: str) -> Any:
        if name == module:
            raise ImportError(name)
        return found(name)

    found = importlib.import_module
    home, _, function = make.partition(":")
    maker = getattr(found(f"planloom.plugins.memory.{home}"), function)
    monkeypatch.setattr(importlib, "import_module", nothing)
    with pytest.raises(MissingExtraError, match=r"pip install 'planloom\["):
        maker(*(["x"] if home in CLIENTS else []))


# -- PostgreSQL ----------------------------------------------------------------------------------------------


@pytest.fixture
def postgres() -> Iterator[PgVectorStore]:
    pytest.importorskip("psycopg", reason="the package psycopg is not installed")
    store = PgVectorStore(new_database())
    yield store
    asyncio.run(store.close())


def test_postgres_connects_again_after_the_server_has_ended_the_connection(postgres: PgVectorStore) -> None:
    memory = SemanticTextMemory(postgres, WordHashes())
    memory.save_information_sync("facts", "Bread is baked.", key="a")
    with pytest.raises(StoreUnavailableError):
        asyncio.run(postgres._run(lambda: postgres._execute("SELECT pg_terminate_backend(pg_backend_pid())")))
    assert memory.search_sync("facts", "bread")[0].key == "a"


def test_postgres_searches_through_an_index(postgres: PgVectorStore) -> None:
    draw = random.Random(3)

    async def test() -> float:
        await postgres.create(Collection("many", "model", 16))
        vectors = [[draw.gauss(0, 1) for _ in range(16)] for _ in range(400)]
        await postgres.upsert("many", [Record(str(n), "x", vector) for n, vector in enumerate(vectors)])
        exact = await postgres.nearest("many", vectors[0], 10)
        await postgres.add_index("many")
        found = await postgres.nearest("many", vectors[0], 10)
        return len({match.record.key for match in exact} & {match.record.key for match in found}) / 10

    assert asyncio.run(test()) >= 0.8


def test_postgres_cannot_index_vectors_without_end(postgres: PgVectorStore) -> None:
    async def test() -> None:
        await postgres.create(Collection("wide", "model", 2001))
        await postgres.add_index("wide")

    with pytest.raises(DimensionError, match="2000"):
        asyncio.run(test())


# -- Milvus --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "expression"),
    [
        ({"lang": 'zh" or "1'}, '((exists facts["text_lang"]) and facts["text_lang"] == "zh\\" or \\"1")'),
        ({"a\u00e9": 1}, '((exists facts["number__61c3a9"]) and facts["number__61c3a9"] == 1)'),
        ({"x": True}, '((exists facts["truth_x"]) and facts["truth_x"] == "true")'),
    ],
)
def test_milvus_expressions_quote_what_they_are_given(where: dict[str, Any], expression: str) -> None:
    wanted = filter_from(where)
    assert wanted is not None
    assert milvus_expression(wanted) == expression


def test_milvus_cannot_quote_control_characters() -> None:
    wanted = filter_from({"lang": "a\nb"})
    assert wanted is not None
    with pytest.raises(FilterError, match="control"):
        milvus_expression(wanted)


def test_facts_tell_types_apart() -> None:
    assert facts_of({"a": 1, "b": "1", "c": True, "d": ["x", 2, False], "名": "v"}) == {
        "fields": ["", "a", "b", "c", "d", "名"],
        "number_a": 1,
        "text_b": "1",
        "truth_c": "true",
        "list_d": ["text:x", "number:2.0", "truth:false"],
        "text__e5908d": "v",
    }


@pytest.mark.slow
def test_milvus_keeps_what_it_was_given(tmp_path: Path) -> None:
    pytest.importorskip("milvus_lite", reason="the package milvus-lite is not installed")

    async def test() -> None:
        path = str(tmp_path / "milvus.db")
        store = MilvusStore(path)
        await store.create(Collection("notes", "model", 2))
        await store.upsert("notes", [Record("a", "kept", (1.0, 0.0))])
        with pytest.raises(RecordError, match="65,535"):
            await store.upsert("notes", [Record("b", "x" * 70_000, (1.0, 0.0))])
        with pytest.raises(CollectionMismatchError, match="manhattan"):
            await store.create(Collection("other", "model", 2, "manhattan"))
        await store.close()
        again = MilvusStore(path)
        assert await again.collections() == [Collection("notes", "model", 2)]
        assert [match.record.text for match in await again.nearest("notes", [1.0, 0.0], 5)] == ["kept"]
        await again.close()

    asyncio.run(test())


BOOKS: dict[str, dict[str, Any]] = {
    "a": {"lang": "zh", "year": 2019, "tags": ["red", "blue"], "sold": True},
    "b": {"lang": "it's", "year": 2021, "tags": ["blue"]},
    "c": {"year": 2024, "sold": False},
}
WHERES: list[dict[str, Any]] = [
    {"lang": {"ne": "zh"}},
    {"lang": ["zh", "it's"], "year": {"lt": 2021}},
    {"tags": {"contains": "blue"}, "sold": {"exists": False}},
    {"not": {"or": [{"lang": "zh"}, {"sold": False}]}},
    {"or": []},
]


@pytest.fixture
def milvus(tmp_path: Path) -> Iterator[MilvusServer]:
    """A real server, which the package milvus holds."""
    pytest.importorskip("pymilvus", reason="the package pymilvus is not installed")
    server = MilvusServer(tmp_path)
    yield server
    server.stop()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_milvus_server_does_what_milvus_lite_does_and_is_named_when_it_is_gone(
    milvus: MilvusServer,
) -> None:
    milvus.start()
    name = "meine Bücher"

    async def filled(store: MilvusStore) -> None:
        await store.create(Collection(name, "model", 2))
        await store.upsert(name, [Record(key, key, (1.0, 0.0), "x.md", metadata=BOOKS[key]) for key in BOOKS])
        await store.remove(name, ["missing"])
        for where in map(filter_from, WHERES):
            assert where is not None
            found = await store.nearest(name, [1.0, 0.0], 5, where)
            assert {match.record.key for match in found} == {k for k in BOOKS if matches(where, BOOKS[k])}
        assert await store.fields(name) == {"lang", "year", "tags", "sold"}
        assert await store.keys(name, "x.md") == set(BOOKS)

    async def kept(store: MilvusStore) -> None:
        (record,) = await store.get(name, ["b"])
        assert (record.text, record.source, record.metadata) == ("b", "x.md", BOOKS["b"])

    store = MilvusStore(milvus.address, timeout=20)
    asyncio.run(filled(store))
    milvus.stop()
    with pytest.raises(StoreUnavailableError, match=milvus.address):
        asyncio.run(store.get(name, ["b"]))
    asyncio.run(store.close())
    milvus.start()
    again = MilvusStore(milvus.address)
    asyncio.run(kept(again))
    asyncio.run(again.close())


# -- approximate indexes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["faiss", "annoy"])
def test_an_approximate_index_finds_nearly_all(name: str) -> None:
    pytest.importorskip(name, reason=f"the package {name} is not installed")
    module = importlib.import_module(f"planloom.plugins.memory.{name}")
    draw = random.Random(5)
    vectors = [[draw.gauss(0, 1) for _ in range(16)] for _ in range(1000)]

    async def found(store: InProcessStore) -> list[set[str]]:
        await store.create(Collection("many", "model", 16))
        await store.upsert("many", [Record(str(n), "x", vector) for n, vector in enumerate(vectors)])
        await store.remove("many", [str(n) for n in range(0, 1000, 3)])
        asked = [await store.nearest("many", vector, 10) for vector in vectors[:40]]
        return [{match.record.key for match in matches} for matches in asked]

    exact = asyncio.run(found(InProcessStore()))
    near = asyncio.run(found(InProcessStore(index=getattr(module, f"{name}_index")())))
    assert sum(len(a & b) for a, b in zip(exact, near, strict=True)) >= 0.95 * 400
