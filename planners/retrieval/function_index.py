"""Choosing the functions that matter for a goal, when there are more of them than a prompt can hold."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from planloom.function import KernelFunction
from planloom.planners.retrieval.function_text import searchable
from planloom.planners.retrieval.producers import Producers
from planloom.planners.retrieval.vectors import VectorIndex
from planloom.planners.retrieval.word_index import Field, Ranking, WordIndex, best, merged
from planloom.planners.retrieval.words import sentences
from planloom.services.embeddings import QueryEmbeddingService, checked_vectors
from planloom.services.protocol import EmbeddingService
from planloom.sync import run_sync

__all__ = ["Found", "FunctionIndex"]

FIELDS = {
    "name": Field(weight=3.0, length_penalty=0.3),
    "skill": Field(weight=0.5),
    "description": Field(weight=2.0, coverage=3.0),
    "parameters": Field(weight=0.7),
    "meanings": Field(weight=0.6),
    "result": Field(weight=0.4),
}
FUSION_OFFSET = 2  # of reciprocal rank fusion: small, so that the first of either ranking stays in front
FUSION_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A function that was found. Scores compare within one search only."""

    function: KernelFunction
    score: float


class FunctionIndex:
    """Functions, findable by a goal in words.

    Args:
        functions: those to search; later registrations are not seen.
        embed: a service whose vectors are fused with the words. It is first called by the first search.

    Building takes about 0.1 ms a function, a search 1 to 5 ms among thousands (without vectors).
    """

    def __init__(self, functions: Iterable[KernelFunction], *, embed: EmbeddingService | None = None) -> None:
        self.functions = tuple(functions)
        texts = [searchable(function) for function in self.functions]
        self._words = WordIndex(texts, FIELDS)
        self._texts = texts
        self._embed = embed
        self._vectors: VectorIndex | None = None

    @classmethod
    async def made(
        cls, functions: Iterable[KernelFunction], *, embed: EmbeddingService | None = None
    ) -> FunctionIndex:
        """An index with all that a search or ``needed_by`` will want but for vectors.

        It is made in a thread: for thousands of functions that takes a second, in which others can go on.
        """

        def make() -> FunctionIndex:
            index = cls(functions, embed=embed)
            index._producers  # noqa: B018 - made here, or the first search would wait for them
            return index

        return await asyncio.to_thread(make)

    def search(self, goal: str, limit: int = 20) -> list[Found]:
        """``find`` for code that is not async."""
        if self._embed is None:
            return self._found(self._words.search(goal, limit))
        return run_sync(self.find(goal, limit))

    async def find(self, goal: str, limit: int = 20) -> list[Found]:
        """At most ``limit`` functions for ``goal``, best first.

        Raises:
            ServiceError: the embedding service failed.
        """
        if self._embed is None or not self.functions:
            return self._found(self._words.search(goal, limit))
        depth = FUSION_DEPTH * limit
        by_words = self._words.search(goal, depth)
        by_vectors = await self._by_vectors(self._embed, goal, depth)
        return self._found(fused([by_words, by_vectors], limit))

    def needed_by(self, chosen: Iterable[KernelFunction]) -> list[Found]:
        """Functions that can produce what the chosen ones require, best first; none of the chosen."""
        return [
            Found(self.functions[number], score) for number, score in self._producers.needed_by(list(chosen))
        ]

    @cached_property
    def _producers(self) -> Producers:
        return Producers(self.functions, self._texts)

    def _found(self, ranking: Ranking) -> list[Found]:
        return [Found(self.functions[number], score) for number, score in ranking]

    async def _by_vectors(self, embed: EmbeddingService, goal: str, limit: int) -> Ranking:
        if self._vectors is None:  # only when somebody searches: thousands of texts take their time
            cards = [card(text) for text in self._texts]
            vectors = checked_vectors(embed.name, await embed.embed(cards), len(cards))
            self._vectors = await asyncio.to_thread(VectorIndex, vectors)
        index = self._vectors
        ask = embed.embed_queries if isinstance(embed, QueryEmbeddingService) else embed.embed
        asked = await ask(list(dict.fromkeys([goal, *sentences(goal)])))
        return merged([(index.rank(vector, limit), 1.0) for vector in asked], limit)


def card(text: Mapping[str, str]) -> str:
    """What of a function is embedded: vectors blur when a text says many things."""
    return f"{text['name']}: {text['description']}"


def fused(rankings: Sequence[Ranking], limit: int) -> Ranking:
    """Reciprocal rank fusion: one ranking of several whose scores do not compare."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, (number, _) in enumerate(ranking):
            scores[number] = scores.get(number, 0.0) + 1 / (FUSION_OFFSET + rank)
    return best(scores, limit)
