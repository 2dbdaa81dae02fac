"""Every vector store keeps the same promises; each runs all of this file."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from memory_stores import STORES
from planloom.plugins.memory.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    DimensionError,
    EmbeddingModelError,
    FilterError,
    RecordError,
)
from planloom.plugins.memory.filters import Filter, filter_from, matches
from planloom.plugins.memory.record import Collection, Distance, Record
from planloom.plugins.memory.store import VectorStore, WordStore

T = TypeVar("T")

PLAIN = Collection("notes", "model", 3)

BOOKS: dict[str, dict[str, Any]] = {
    "a": {"lang": "zh", "year": 2019, "tags": ["red", "blue"], "sold": True},
    "b": {"lang": "en", "year": 2021, "tags": ["blue"], "price": 9.5},
    "c": {"lang": "en", "year": 2024, "sold": False, "o.k": "dot"},
    "d": {"year": "2021", "tags": "blue", "lang": ["zh"]},
    "e": {},
    "f": {"lang": "it's", "year": -1, "tags": [1, 2.5, True], "sold": 1},
}

FILTERS: list[Mapping[str, Any]] = [
    {"lang": "zh"},
    {"lang": "it's"},
    {"lang": ["zh", "en"]},
    {"lang": {"ne": "zh"}},
    {"year": 2021},
    {"year": "2021"},
    {"year": {"gte": 2020}},
    {"year": {"gt": -2, "lt": 2021}},
    {"year": {"lte": 2021.5}},
    {"price": {"lt": 10}},
    {"sold": True},
    {"sold": False},
    {"sold": 1},
    {"sold": {"ne": True}},
    {"tags": {"contains": "blue"}},
    {"tags": {"contains": 1}},
    {"tags": {"contains": True}},
    {"tags": {"exists": True}},
    {"tags": {"exists": False}},
    {"o.k": "dot"},
    {"nowhere": {"exists": False}},
    {"nowhere": 1},
    {"lang": "en", "year": {"gt": 2021}},
    {"or": [{"lang": "zh"}, {"year": 2024}]},
    {"not": {"lang": "zh"}},
    {"not": {"or": [{"lang": "zh"}, {"tags": {"contains": "blue"}}]}},
    {"and": [{"not": {"sold": True}}, {"year": {"gte": 0}}]},
    {"or": []},
    {"lang": []},
    {"year": [2021, "2021", 2024.0, True]},
    {"sold": [True, "x", 0]},
    {"lang": "' OR 1=1 --"},
    {"lang": {"gt": "en"}},
]


@pytest.fixture(params=list(STORES))
def run(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[Callable[[VectorStore], Awaitable[T]]], T]:
    """Runs an async test with a store of its own."""

    async def with_store(test: Callable[[VectorStore], Awaitable[T]]) -> T:
        store = STORES[request.param](tmp_path)
        try:
            return await test(store)
        finally:
            await store.close()

    return lambda test: asyncio.run(with_store(test))


Run = Callable[[Callable[[VectorStore], Awaitable[T]]], T]


def record(key: str, *vector: float, text: str = "", source: str = "", **metadata: Any) -> Record:
    return Record(key, text or f"text {key}", vector or (1.0, 0.0, 0.0), source, metadata=metadata)


async def keys_of(store: VectorStore, where: Filter | None = None) -> set[str]:
    async with aclosing(store.scan("notes", where)) as found:  # type: ignore[type-var]
        return {item.key async for item in found}


def test_records_come_back_as_they_were_saved(run: Run[None]) -> None:
    saved = Record(
        "k/1 ключ",
        'Text with "quotes", ${braces}, 中文, \n newline and 😀',
        (0.5, -2.0, 0.25),
        "folder/file.md",
        "About it",
        metadata={"a": "x", "b": 3, "c": 1.5, "d": True, "e": ["p", "q"], "名": "值"},
    )

    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        await store.upsert("notes", [saved, record("other")])
        (got,) = await store.get("notes", ["k/1 ключ", "missing"])
        assert list(got.vector) == pytest.approx(list(saved.vector))
        assert (got.key, got.text, got.source, got.description) == (
            saved.key,
            saved.text,
            saved.source,
            saved.description,
        )
        assert not got.is_reference
        assert {
            name: list(v) if isinstance(v, tuple) else v for name, v in got.metadata.items()
        } == saved.metadata
        assert got.metadata["d"] is True

    run(test)


def test_order_of_keys_is_kept(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        await store.upsert("notes", [record(key) for key in "abc"])
        assert [item.key for item in await store.get("notes", ["c", "a"])] == ["c", "a"]
        assert await store.get("notes", []) == []

    run(test)


def test_saving_again_replaces(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        await store.upsert("notes", [record("a", 1, 0, 0, text="old"), record("b", 0, 1, 0)])
        assert len(await store.nearest("notes", [1, 0, 0], 9)) == 2
        await store.upsert("notes", [record("a", 0, 0, 1, text="new")])
        found = await store.nearest("notes", [0, 0, 1], 9)
        assert [match.record.text for match in found] == ["new", "text b"]
        assert await keys_of(store) == {"a", "b"}

    run(test)


def test_one_key_twice_in_one_call(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        await store.upsert("notes", [record("a", text="first"), record("a", text="second")])
        assert [item.text for item in await store.get("notes", ["a"])] == ["second"]
        assert len(await store.nearest("notes", [1, 0, 0], 9)) == 1

    run(test)


def test_removed_records_are_gone(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        await store.upsert("notes", [record(key) for key in "abcd"])
        await store.nearest("notes", [1, 0, 0], 1)
        await store.remove("notes", ["b", "missing"])
        await store.remove("notes", [])
        assert await keys_of(store) == {"a", "c", "d"}
        assert {match.record.key for match in await store.nearest("notes", [1, 0, 0], 9)} == {"a", "c", "d"}
        await store.upsert("notes", [record("b")])
        assert await keys_of(store) == {"a", "b", "c", "d"}

    run(test)


@pytest.mark.parametrize(
    ("distance", "order", "best"),
    [
        ("cosine", ["near", "far", "away"], 1.0),
        ("dot", ["far", "near", "away"], 20.0),
        ("euclidean", ["near", "away", "far"], 1 / (1 + 1)),
        ("manhattan", ["near", "away", "far"], 1 / (1 + 1)),
    ],
)
def test_distances(run: Run[None], distance: Distance, order: list[str], best: float) -> None:
    async def test(store: VectorStore) -> None:
        try:
            await store.create(Collection("notes", "model", 3, distance))
        except CollectionMismatchError as error:
            pytest.skip(str(error))
        await store.upsert(
            "notes", [record("near", 1, 0, 0), record("far", 10, 1, 0), record("away", 0, -1, 0)]
        )
        found = await store.nearest("notes", [2, 0, 0], 3)
        assert [match.record.key for match in found] == order
        assert found[0].score == pytest.approx(best, abs=1e-5)
        assert [match.score for match in found] == sorted((m.score for m in found), reverse=True)

    run(test)


def test_limits(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        assert await store.nearest("notes", [1, 0, 0], 5) == []
        await store.upsert("notes", [record(str(n), 1, n / 100, 0) for n in range(30)])
        found = await store.nearest("notes", [1, 0, 0], 5)
        assert [match.record.key for match in found] == ["0", "1", "2", "3", "4"]

    run(test)


@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_filters_mean_the_same_everywhere(run: Run[None], where: Mapping[str, Any]) -> None:
    wanted = filter_from(where)
    assert wanted is not None

    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        await store.upsert("notes", [record(key, **metadata) for key, metadata in BOOKS.items()])
        expected = {key for key, metadata in BOOKS.items() if matches(wanted, metadata)}
        try:
            found = await store.nearest("notes", [1, 0, 0], 9, wanted)
        except FilterError as error:
            pytest.skip(f"this store cannot: {error}")
        assert {match.record.key for match in found} == expected
        assert await keys_of(store, wanted) == expected

    run(test)


def test_filtered_search_finds_the_nearest_that_pass(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        await store.upsert("notes", [record(str(n), 1, n / 100, 0, even=n % 2 == 0) for n in range(60)])
        found = await store.nearest("notes", [1, 0, 0], 3, filter_from({"even": False}))
        assert [match.record.key for match in found] == ["1", "3", "5"]

    run(test)


def test_sources_keys_and_fields(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        assert await store.sources("notes") == frozenset()
        assert await store.fields("notes") == frozenset()
        await store.upsert("notes", [record("a", source="x.md", p=1), record("b", source="x.md", q="1")])
        await store.upsert("notes", [record("c", source="y's.md"), record("d")])
        assert await store.keys("notes", "x.md") == {"a", "b"}
        assert await store.keys("notes", "y's.md") == {"c"}
        assert await store.keys("notes", "z.md") == frozenset()
        assert await store.sources("notes") == {"x.md", "y's.md", ""}
        assert await store.fields("notes") == {"p", "q"}

    run(test)


def test_collections_are_listed_and_dropped(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        assert await store.collections() == []
        await store.create(Collection("notes_2", "m2", 5))
        await store.create(PLAIN)
        await store.create(PLAIN)
        assert await store.collections() == [PLAIN, Collection("notes_2", "m2", 5)]
        await store.upsert("notes", [record("a")])
        await store.drop("notes")
        assert await store.collections() == [Collection("notes_2", "m2", 5)]
        await store.create(PLAIN)
        assert await keys_of(store) == set()

    run(test)


def test_any_text_can_name_a_collection(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        for name in ("my notes/2024", "笔记", 'a"; DROP TABLE records; --'):
            await store.create(Collection(name, "model", 3))
            await store.upsert(name, [record("a")])
        assert len(await store.collections()) == 3
        assert (await store.get("笔记", ["a"]))[0].key == "a"

    run(test)


def test_unknown_collections_are_named(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: store.nearest("note", [1, 0, 0], 1),
            lambda: store.get("note", ["a"]),
            lambda: store.upsert("note", [record("a")]),
            lambda: store.remove("note", ["a"]),
            lambda: store.drop("note"),
            lambda: store.keys("note", "x"),
            lambda: store.fields("note"),
        ]
        for call in calls:
            with pytest.raises(CollectionNotFoundError, match="Did you mean notes"):
                await call()

    run(test)


def test_two_models_two_dimensions_two_distances(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        with pytest.raises(EmbeddingModelError, match=r"'model'.*'other'"):
            await store.create(Collection("notes", "other", 3))
        with pytest.raises(DimensionError, match=r"3 dimensions.* has 4"):
            await store.create(Collection("notes", "model", 4))
        with pytest.raises(CollectionMismatchError, match="cosine and not by dot"):
            await store.create(Collection("notes", "model", 3, "dot"))
        assert await store.collections() == [PLAIN]

    run(test)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (record("bad", 1, 0), DimensionError),
        (record("bad", math.nan, 0, 0), RecordError),
        (record("bad", math.inf, 0, 0), RecordError),
        (record(""), RecordError),
        (record("k" * 600), RecordError),
        (record("bad", text="a\0b"), RecordError),
        (record("bad", text="half \ud800"), RecordError),
        (record("bad", m={"deep": 1}), RecordError),
        (record("bad", m=None), RecordError),
        (record("bad", m=[["deep"]]), RecordError),
        (record("bad", m=math.nan), RecordError),
        (record("bad", m=2**70), RecordError),
        (Record("bad", "x", (1.0, 0.0, 0.0), metadata={'quo"te': 1}), RecordError),
        (Record("bad", "x", (1.0, 0.0, 0.0), metadata={"": 1}), RecordError),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_written(
    run: Run[None], bad: Record, error: type[Exception]
) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        with pytest.raises(error):
            await store.upsert("notes", [record("good"), bad])
        assert await keys_of(store) == set()

    run(test)


def test_questions_of_another_dimension(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        with pytest.raises(DimensionError):
            await store.nearest("notes", [1, 0], 1)

    run(test)


def test_zero_vectors_are_no_trouble(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        await store.upsert("notes", [record("zero", 0, 0, 0), record("one", 1, 0, 0)])
        found = await store.nearest("notes", [1, 0, 0], 2)
        assert found[0].record.key == "one"
        assert all(math.isfinite(match.score) for match in found)

    run(test)


def test_words_are_found_in_both_languages(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        if not isinstance(store, WordStore):
            pytest.skip("this store does not search by words")
        await store.create(PLAIN)
        texts = {
            "en": "The invoices are printed on Fridays.",
            "zh": "发票在星期五打印。",
            "no": "Nothing here.",
        }
        await store.upsert("notes", [record(key, text=text, lang=key) for key, text in texts.items()])
        for question, key in (("printing invoice", "en"), ("怎么打印发票", "zh")):
            found = await store.by_words("notes", question, 5)
            assert [match.record.key for match in found] == [key]
            assert found[0].score > 0
        assert await store.by_words("notes", "invoice", 5, filter_from({"lang": "zh"})) == []
        assert await store.by_words("notes", "", 5) == []
        assert await store.by_words("notes", '"; DROP TABLE', 5) == []
        await store.remove("notes", ["en"])
        assert await store.by_words("notes", "invoice", 5) == []
        await store.upsert("notes", [record("zh", text="now about invoices", lang="zh")])
        assert [match.record.key for match in await store.by_words("notes", "invoice", 5)] == ["zh"]
        assert await store.by_words("notes", "打印", 5) == []

    run(test)


def test_many_tasks_at_once(run: Run[None]) -> None:
    async def test(store: VectorStore) -> None:
        await store.create(PLAIN)
        await asyncio.gather(
            *(store.upsert("notes", [record(f"{n}-{m}", 1, n, m) for m in range(5)]) for n in range(8)),
            *(store.nearest("notes", [1, 0, 0], 3) for _ in range(8)),
        )
        assert len(await keys_of(store)) == 40
        assert len(await store.nearest("notes", [1, 0, 0], 100)) == 40

    run(test)
