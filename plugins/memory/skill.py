"""``MemorySkill``: memory as functions that plans call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from planloom.decorator import kernel_function
from planloom.errors import ArgumentError
from planloom.plugins.memory.answers import Answer, Answerer, quoted_answers
from planloom.plugins.memory.errors import CollectionNotFoundError
from planloom.plugins.memory.retrieval import Finder, Mode, Rerank, Retriever
from planloom.plugins.memory.text_memory import Recollection, SemanticTextMemory

__all__ = ["MemorySkill"]

Collection = Annotated[str, "Which collection; empty for the usual one"]
MOST_PASSAGES = 1000
Limit = Annotated[int, "How many passages, at most"]
Where = Annotated[
    Mapping[str, Any] | None, 'A filter on metadata, as {"lang": "en", "year": {"gte": 2020}}; none for all'
]


class MemorySkill:
    """Remembers texts, finds them again by what they mean, and answers questions from them."""

    skill_name = "Memory"

    def __init__(
        self,
        memory: SemanticTextMemory,
        collection: str = "generic",
        *,
        mode: Mode = "hybrid",
        rerank: Rerank | None = None,
        answer: Answerer | None = None,
        finder: Finder | None = None,
    ) -> None:
        """Give plans a memory.

        Args:
            memory: which one.
            collection: the collection that is meant when a plan names none.
            mode: how passages are found.
            rerank: puts the passages found in order.
            answer: makes answers of passages: ``model_answers(kernel.complete)``, or, if left out,
                ``quoted_answers``, which needs no language model.
            finder: finds the passages of the usual collection in place of memory itself: another store's.
        """
        self._memory, self._collection = memory, collection
        self._mode, self._rerank = mode, rerank
        self._answer = answer or quoted_answers(memory.embed)
        self._finder = finder

    @kernel_function(effect="read", touches=("memory",), source="documents")
    async def recall(
        self,
        ask: Annotated[str, "What to look for, as a question or in keywords"],
        collection: Collection = "",
        relevance: Annotated[float, "Leaves out what is less near in meaning, from 0 to 1"] = 0.0,
        limit: Limit = 5,
        where: Where = None,
    ) -> list[Recollection]:
        """Find the passages that memory holds on something, best first, each with its source.

        Nothing is found in a collection that nothing was saved to yet.
        """
        if not 1 <= limit <= MOST_PASSAGES:
            raise ArgumentError(f"{self.skill_name}.recall", "limit", f"is 1 to {MOST_PASSAGES}")
        if self._finder is not None and collection in ("", self._collection):
            return await self._finder.find(ask, limit, where=where)
        retriever = Retriever(
            self._memory,
            collection or self._collection,
            mode=self._mode if not relevance else "vectors",
            rerank=self._rerank,
            min_relevance=relevance or None,
        )
        try:
            return await retriever.find(ask, limit, where=where)
        except CollectionNotFoundError:
            if collection and collection != self._collection:
                raise
            return []

    @kernel_function(effect="write", touches=("memory",), idempotent=True)
    async def save(
        self,
        text: Annotated[str, "What to remember"],
        key: Annotated[str, "Replaces what was saved under it; empty to keep both"] = "",
        collection: Collection = "",
        source: Annotated[str, "Where it comes from"] = "",
    ) -> str:
        """Remember a text, and give back its key."""
        name = collection or self._collection
        return await self._memory.save_information(name, text, key=key or None, source=source)

    @kernel_function(effect="write", touches=("memory",), idempotent=True)
    async def forget(
        self, key: Annotated[str, "The key it was saved under"], collection: Collection = ""
    ) -> str:
        """Forget what was saved under a key, and give back the key."""
        await self._memory.remove(collection or self._collection, key)
        return key

    @kernel_function(effect="none")
    async def answer(
        self,
        question: Annotated[str, "The question"],
        passages: Annotated[Sequence[Recollection], "The passages that recall found"],
    ) -> Answer:
        """Answer a question from passages, with citations.

        Returns:
            The text, with [1] where it rests on the first citation, and the citations with their sources;
            both are empty if the passages do not hold an answer.
        """
        return await self._answer(question, passages)

    @kernel_function(effect="read", touches=("memory",), source="documents")
    async def ask(
        self,
        question: Annotated[str, "The question"],
        collection: Collection = "",
        limit: Limit = 5,
        where: Where = None,
    ) -> Answer:
        """Answer a question from what memory holds, with citations.

        Returns:
            The text, with [1] where it rests on the first citation, and the citations with their sources;
            both are empty if memory does not hold an answer.
        """
        found = await self.recall(question, collection, limit=limit, where=where)
        return await self._answer(question, found)
