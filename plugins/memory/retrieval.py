"""Finding passages by meaning, by words, or by both at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from planloom.planners.retrieval.function_index import fused
from planloom.planners.retrieval.word_index import Field, Ranking, WordIndex
from planloom.plugins.memory.errors import SemanticMemoryError
from planloom.plugins.memory.filters import Filter
from planloom.plugins.memory.record import Match, Record, searchable_text
from planloom.plugins.memory.store import VectorStore, WordStore, find_collection
from planloom.plugins.memory.text_memory import Recollection, SemanticTextMemory, recollection
from planloom.sync import run_sync

__all__ = ["Finder", "Mode", "Rerank", "Retriever"]

Mode = Literal["hybrid", "vectors", "words"]
Rerank = Callable[[str, Sequence[str]], Awaitable[Sequence[float]]]
"""Scores texts for a question, higher for better; for instance a cross-encoder behind a server."""

DEPTH = 4  # how many times the wanted number each way of searching gives before they are fused
FEWEST = 20
MOST_SCANNED = 20_000
TEXT = {"text": Field(length_penalty=0.75)}


class Finder(Protocol):
    """Whatever finds passages on a question."""

    async def find(
        self, question: str, limit: int = 5, *, where: Filter | Mapping[str, Any] | None = None
    ) -> list[Recollection]:
        """At most ``limit`` passages, best first."""
        ...


class Retriever:
    """Finds what memory holds on a question.

    Args:
        memory: where to look.
        collection: in which collection.
        mode: ``vectors`` by meaning, ``words`` by BM25, ``hybrid`` both, fused by rank. Words find names,
            numbers and codes that vectors blur; vectors find other words and other languages.
        rerank: puts the best ones in order; it is given the texts of those found.
        min_relevance: of the vectors; leaves out what scores less. Words have no scale to compare with.

    A store without a search by words is read once, if it holds at most 20,000 records, and again only by
    another retriever: what is saved later is then found by meaning alone.
    """

    def __init__(
        self,
        memory: SemanticTextMemory,
        collection: str,
        *,
        mode: Mode = "hybrid",
        rerank: Rerank | None = None,
        min_relevance: float | None = None,
    ) -> None:
        if mode not in ("hybrid", "vectors", "words"):
            raise ValueError(f"mode must be 'hybrid', 'vectors' or 'words', not {mode!r}")
        self.memory, self.collection, self.mode = memory, collection, mode
        self._rerank, self._min_relevance = rerank, min_relevance
        self._words: _ScannedWords | None = None

    async def find(
        self, question: str, limit: int = 5, *, where: Filter | Mapping[str, Any] | None = None
    ) -> list[Recollection]:
        """At most ``limit`` passages, best first. Scores compare within one answer only.

        Raises:
            CollectionNotFoundError: there is no such collection.
            CollectionMismatchError: it was made with another embedding model.
            FilterError: ``where`` is no filter, or on a field that is not there.
            SemanticMemoryError: the store failed, or cannot search by words.
            ServiceError: the embedding service failed.
        """
        await find_collection(self.memory.store, self.collection)
        wanted = await self.memory.checked_filter(self.collection, where)
        depth = max(DEPTH * limit, FEWEST)
        match self.mode:
            case "vectors":
                found = await self._by_meaning(question, depth, wanted)
            case "words":
                found = await self._by_words(question, depth, wanted)
            case "hybrid":
                found = _fused(
                    [
                        await self._by_meaning(question, depth, wanted),
                        await self._by_words(question, depth, wanted),
                    ],
                    depth,
                )
        if self._rerank is not None and found:
            found = await _reranked(self._rerank, question, found)
        return [recollection(match) for match in found[:limit]]

    def find_sync(
        self, question: str, limit: int = 5, *, where: Filter | Mapping[str, Any] | None = None
    ) -> list[Recollection]:
        """``find`` for scripts and notebooks."""
        return run_sync(self.find(question, limit, where=where))

    async def _by_meaning(self, question: str, limit: int, where: Filter | None) -> list[Match]:
        vector = await self.memory.query_vector(self.collection, question)
        found = await self.memory.store.nearest(self.collection, vector, limit, where)
        least = self._min_relevance
        return [match for match in found if least is None or match.score >= least]

    async def _by_words(self, question: str, limit: int, where: Filter | None) -> list[Match]:
        store = self.memory.store
        if isinstance(store, WordStore):
            return await store.by_words(self.collection, question, limit, where)
        if self._words is None:
            self._words = await _ScannedWords.of(store, self.collection)
        among = (
            None if where is None else frozenset([r.key async for r in store.scan(self.collection, where)])
        )
        return self._words.search(question, limit, among)


@dataclass(frozen=True, slots=True)
class _ScannedWords:
    """The words of a whole collection, for stores that cannot search by them."""

    records: tuple[Record, ...]
    index: WordIndex

    @classmethod
    async def of(cls, store: VectorStore, collection: str) -> _ScannedWords:
        records: list[Record] = []
        async for record in store.scan(collection):
            records.append(record)
            if len(records) > MOST_SCANNED:
                raise SemanticMemoryError(
                    f"The store of {collection!r} cannot search by words, and more than {MOST_SCANNED:,} "
                    "records are too many to read for that. Use mode='vectors', or a FileStore."
                )
        texts = [{"text": searchable_text(record)} for record in records]
        return cls(tuple(records), WordIndex(texts, TEXT))

    def search(self, question: str, limit: int, among: frozenset[str] | None) -> list[Match]:
        ranking = self.index.rank(question, limit if among is None else len(self.records))
        found = [Match(self.records[number], score) for number, score in ranking]
        return [match for match in found if among is None or match.record.key in among][:limit]


def _fused(rankings: Sequence[Sequence[Match]], limit: int) -> list[Match]:
    """Reciprocal rank fusion of matches, by their keys."""
    numbers: dict[str, int] = {}
    records: list[Record] = []
    ranked: list[Ranking] = []
    for ranking in rankings:
        for match in ranking:
            if match.record.key not in numbers:
                numbers[match.record.key] = len(records)
                records.append(match.record)
        ranked.append([(numbers[match.record.key], match.score) for match in ranking])
    return [Match(records[number], score) for number, score in fused(ranked, limit)]


async def _reranked(rerank: Rerank, question: str, found: Sequence[Match]) -> list[Match]:
    scores = await rerank(question, [searchable_text(match.record) for match in found])
    if len(scores) != len(found):
        raise SemanticMemoryError(f"The reranking function gave {len(scores)} scores for {len(found)} texts.")
    scored = [replace(match, score=float(score)) for match, score in zip(found, scores, strict=True)]
    return sorted(scored, key=lambda match: -match.score)
