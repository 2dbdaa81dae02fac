"""Retrieval by meaning, by words and by both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from memory_stores import STORES, WordHashes
from planloom.plugins.memory.errors import (
    CollectionNotFoundError,
    FilterFieldError,
    SemanticMemoryError,
)
from planloom.plugins.memory.in_process import InProcessStore
from planloom.plugins.memory.retrieval import Mode, Retriever
from planloom.plugins.memory.text_memory import SemanticTextMemory

TEXTS = {
    "invoice": "Invoices are printed on Fridays by the office in Lyon.",
    "error": "Error E4711 means that the paper tray is empty.",
    "holiday": "公司的年假是每年二十天，需要提前两周申请。",
    "travel": "出差报销要在一个月内提交发票。",
}


def saved(memory: SemanticTextMemory) -> SemanticTextMemory:
    for key, text in TEXTS.items():
        metadata = {"lang": "en" if text.isascii() else "zh"}
        memory.save_information_sync("docs", text, key=key, source=f"{key}.md", metadata=metadata)
    return memory


class Silent(WordHashes):
    """Says of all texts that they mean the same."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, 0.0] for _ in texts]


class WithoutWords:
    """A store that searches by vectors only."""

    def __init__(self) -> None:
        self._store = InProcessStore()

    def __getattr__(self, name: str) -> Any:
        if name == "by_words":
            raise AttributeError(name)
        return getattr(self._store, name)


def keys(retriever: Retriever, question: str, **options: Any) -> list[str]:
    return [found.key for found in retriever.find_sync(question, **options)]


@pytest.mark.parametrize("store", ["in-process", "file"])
@pytest.mark.parametrize("mode", ["words", "hybrid"])
@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("what is E4711?", "error"),
        ("when do they print an invoice", "invoice"),
        ("年假有多少天", "holiday"),
        ("怎么报销", "travel"),
    ],
)
def test_words_in_both_languages(tmp_path: Path, store: str, mode: Mode, question: str, key: str) -> None:
    memory = saved(SemanticTextMemory(STORES[store](tmp_path), WordHashes()))
    assert keys(Retriever(memory, "docs", mode=mode), question, limit=2)[0] == key
    asyncio.run(memory.store.close())


def test_words_decide_where_vectors_are_silent() -> None:
    memory = saved(SemanticTextMemory(embed=Silent()))
    assert keys(Retriever(memory, "docs"), "paper tray", limit=1) == ["error"]


def test_vectors_decide_where_no_word_is_shared() -> None:
    memory = saved(SemanticTextMemory(embed=WordHashes()))
    assert Retriever(memory, "docs", mode="words").find_sync("zebra") == []
    assert len(Retriever(memory, "docs").find_sync("zebra")) == 4


def test_results_carry_source_text_and_score() -> None:
    memory = saved(SemanticTextMemory(embed=WordHashes()))
    found = Retriever(memory, "docs").find_sync("print invoices", 1)[0]
    assert (found.source, found.text, dict(found.metadata)) == (
        "invoice.md",
        TEXTS["invoice"],
        {"lang": "en"},
    )
    assert found.score > 0


@pytest.mark.parametrize("mode", ["vectors", "words", "hybrid"])
def test_filters(mode: Mode) -> None:
    memory = saved(SemanticTextMemory(embed=WordHashes()))
    retriever = Retriever(memory, "docs", mode=mode)
    assert set(keys(retriever, "invoice 发票 error", where={"lang": "zh"})) <= {"holiday", "travel"}
    with pytest.raises(FilterFieldError, match="did you mean lang"):
        retriever.find_sync("x", where={"long": 1})


def test_the_least_relevance_of_vectors() -> None:
    memory = saved(SemanticTextMemory(embed=WordHashes()))
    assert Retriever(memory, "docs", mode="vectors", min_relevance=0.99).find_sync("zebra") == []


def test_reranking_has_the_last_word() -> None:
    asked: list[tuple[str, Sequence[str]]] = []

    async def shortest_first(question: str, texts: Sequence[str]) -> list[float]:
        asked.append((question, texts))
        return [-len(text) for text in texts]

    memory = saved(SemanticTextMemory(embed=WordHashes()))
    found = Retriever(memory, "docs", rerank=shortest_first).find_sync("invoice", 1)
    assert [hit.key for hit in found] == ["travel"]
    assert asked[0][0] == "invoice"
    assert len(asked[0][1]) == 4


def test_a_reranker_that_answers_nonsense() -> None:
    async def one(question: str, texts: Sequence[str]) -> list[float]:
        return [1.0]

    memory = saved(SemanticTextMemory(embed=WordHashes()))
    with pytest.raises(SemanticMemoryError, match="1 scores for 4 texts"):
        Retriever(memory, "docs", rerank=one).find_sync("invoice")


def test_stores_without_words_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = saved(SemanticTextMemory(WithoutWords(), Silent()))
    retriever = Retriever(memory, "docs", mode="words")
    assert keys(retriever, "E4711") == ["error"]
    assert keys(retriever, "invoice 发票", where={"lang": "zh"}) == ["travel"]
    monkeypatch.setattr("planloom.plugins.memory.retrieval.MOST_SCANNED", 3)
    with pytest.raises(SemanticMemoryError, match="mode='vectors'"):
        Retriever(memory, "docs", mode="words").find_sync("E4711")


def test_unknown_collections_and_modes() -> None:
    memory = saved(SemanticTextMemory(embed=WordHashes()))
    with pytest.raises(CollectionNotFoundError):
        Retriever(memory, "dogs").find_sync("x")
    with pytest.raises(ValueError, match="hybrid"):
        Retriever(memory, "docs", mode="magic")  # type: ignore[arg-type]
