"""The file store: what lasts, what two processes see, and files that are no store."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from planloom.plugins.memory.errors import (
    CollectionNotFoundError,
    DimensionError,
    StoreFormatError,
    StoreUnavailableError,
)
from planloom.plugins.memory.file_store import FileStore
from planloom.plugins.memory.filters import filter_from, matches
from planloom.plugins.memory.record import Collection, Record

PLAIN = Collection("notes", "model", 2)


def record(key: str, *vector: float) -> Record:
    return Record(key, f"text {key}", vector or (1.0, 0.0))


async def filled(path: Path, *keys: str) -> FileStore:
    store = FileStore(path)
    await store.create(PLAIN)
    await store.upsert("notes", [record(key) for key in keys])
    return store


def test_what_was_saved_is_there_when_opened_again(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "memory.db"
        await (await filled(path, "a", "b")).close()
        store = FileStore(path)
        assert await store.collections() == [PLAIN]
        found = await store.nearest("notes", [1, 0], 5)
        assert [match.record.key for match in found] == ["a", "b"]
        assert [match.record.key for match in await store.by_words("notes", "a text", 5)] == ["a", "b"]
        await store.close()

    asyncio.run(test())
    assert [file.name for file in tmp_path.iterdir()] == ["memory.db"]


def test_two_stores_on_one_file_see_each_other(tmp_path: Path) -> None:
    async def test() -> None:
        first = await filled(tmp_path / "memory.db", "a")
        second = FileStore(tmp_path / "memory.db")
        assert len(await second.nearest("notes", [1, 0], 5)) == 1
        await first.upsert("notes", [record("b"), record("a", 0, 1)])
        found = await second.nearest("notes", [1, 0], 5)
        assert [(match.record.key, match.score) for match in found] == [("b", 1.0), ("a", 0.0)]
        await second.remove("notes", ["b"])
        assert [match.record.key for match in await first.nearest("notes", [1, 0], 5)] == ["a"]
        await first.drop("notes")
        with pytest.raises(CollectionNotFoundError):
            await second.nearest("notes", [1, 0], 5)
        await first.close()
        await second.close()

    asyncio.run(test())


KILLED = """
import asyncio, os, sys
from planloom.plugins.memory.file_store import FileStore
from planloom.plugins.memory.record import Record

async def main():
    store = FileStore(sys.argv[1])
    await store.upsert("notes", [Record("b", "whole", (1.0, 0.0))])
    store._write = dying(store._write)
    await store.upsert("notes", [Record("c", "half", (1.0, 0.0)), Record("d", "half", (1.0, 0.0))])

def dying(write):
    def first_only(collection, record):
        if record.key == "d":
            os._exit(9)
        return write(collection, record)
    return first_only

asyncio.run(main())
"""


def test_a_killed_process_leaves_whole_calls_only(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    store = asyncio.run(filled(path, "a"))
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=60)
    assert done.returncode == 9

    async def test() -> None:
        found = await store.nearest("notes", [1, 0], 5)
        assert {match.record.key for match in found} == {"a", "b"}
        assert await store.by_words("notes", "half", 5) == []
        await store.close()

    asyncio.run(test())


def deep(levels: int, width: int) -> dict[str, Any]:
    """Filters in filters, with as many beside each."""
    where: dict[str, Any] = {"n": 1}
    for _ in range(levels):
        where = {"not": {"or": [*({"n": {"gt": number}} for number in range(width)), where]}}
    return where


@pytest.mark.parametrize(
    "where",
    [
        {"n": list(range(1000))},
        {"n": [1, "1", True, *range(2, 999)]},
        {"or": [{"n": number} for number in range(1000)]},
        {"not": {"and": [{"n": {"ne": number}} for number in range(1000)]}},
        {"or": [*({f"field{part}": list(range(900))} for part in range(4)), {"n": 1}]},
        {"or": [{"or": [{"n": number}] * 999} for number in range(5)]},
        deep(8, 600),
    ],
    ids=lambda where: str(where)[:30],
)
def test_every_filter_that_is_permitted_can_be_asked(tmp_path: Path, where: dict[str, Any]) -> None:
    wanted = filter_from(where)
    assert wanted is not None

    async def test() -> list[str]:
        store = await filled(tmp_path / "memory.db")
        await store.upsert("notes", [Record("a", "a", (1.0, 0.0), metadata={"n": 1}), record("b")])
        found = await store.nearest("notes", [1, 0], 5, wanted)
        await store.close()
        return [match.record.key for match in found]

    held: dict[str, dict[str, Any]] = {"a": {"n": 1}, "b": {}}
    assert asyncio.run(test()) == [key for key in held if matches(wanted, held[key])]


def test_a_locked_file_is_named(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "memory.db"
        await (await filled(path, "a")).close()
        store = FileStore(path, timeout=0.0)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="another process"):
            await store.upsert("notes", [record("b")])
        assert len(await store.nearest("notes", [1, 0], 5)) == 1
        other.execute("ROLLBACK")
        other.close()
        await store.upsert("notes", [record("b")])
        await store.close()

    asyncio.run(test())


def test_files_that_are_no_store_are_left_as_they_are(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("These are my notes, not a database. " * 50)
    foreign = tmp_path / "other.db"
    database = sqlite3.connect(foreign)
    database.execute("CREATE TABLE mine (x)")
    database.close()
    for path in (text, foreign):
        before = path.read_bytes()
        with pytest.raises(StoreFormatError):
            FileStore(path)
        assert path.read_bytes() == before


def test_files_of_a_newer_planloom_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    asyncio.run(asyncio.run(filled(path)).close())
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreFormatError, match="newer"):
        FileStore(path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    async def save() -> None:
        await (await filled(path, *map(str, range(300)))).close()

    async def load() -> None:
        store = FileStore(path)
        try:
            await store.nearest("notes", [1, 0], 300)
            await store.by_words("notes", "text", 300)
        finally:
            await store.close()

    asyncio.run(save())
    data = bytearray(path.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StoreFormatError, match="damaged"):
        asyncio.run(load())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        FileStore(tmp_path / "missing" / "memory.db")


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    async def test() -> None:
        store = await filled(tmp_path / "memory.db", "a")
        await store.close()
        await store.close()
        with pytest.raises(StoreUnavailableError, match="closed"):
            await store.nearest("notes", [1, 0], 5)

    asyncio.run(test())


def test_a_refused_call_leaves_the_vectors_in_memory_as_they_were(tmp_path: Path) -> None:
    async def test() -> None:
        store = await filled(tmp_path / "memory.db", "a")
        await store.nearest("notes", [1, 0], 5)
        with pytest.raises(DimensionError):
            await store.upsert("notes", [record("b"), record("c", 1, 2, 3)])
        assert len(await store.nearest("notes", [1, 0], 5)) == 1
        await store.close()

    asyncio.run(test())


def test_one_store_in_many_event_loops(tmp_path: Path) -> None:
    store = asyncio.run(filled(tmp_path / "memory.db", "a"))
    assert len(asyncio.run(store.nearest("notes", [1, 0], 5))) == 1
    assert len(asyncio.run(store.get("notes", ["a"]))) == 1
    asyncio.run(store.close())
