"""LangChain's embeddings and vector stores in a memory: Weaviate, Pinecone, Chroma and the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from planloom.plugins.memory.errors import FilterError, SemanticMemoryError, StoreUnavailableError
from planloom.plugins.memory.filters import Filter, filter_from, matches
from planloom.plugins.memory.text_memory import Recollection, content_key

__all__ = ["LangChainEmbeddings", "LangChainPassages"]

FILTERED = 10  # how many times the wanted number is asked for, when a filter is applied here
SOURCE = "source"  # where LangChain's loaders say what a document came from


class Embeddings(Protocol):
    """What is used of LangChain's ``Embeddings``."""

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]: ...

    async def aembed_query(self, text: str) -> list[float]: ...


class LangChainEmbeddings:
    """LangChain's embeddings as an embedding service.

    Args:
        embeddings: any of LangChain's ``Embeddings``.
        name: of the model; collections remember it, so it must tell one model from another.
        dimension: of the vectors; 0 if it is not known.
    """

    def __init__(self, embeddings: Embeddings, name: str, dimension: int = 0) -> None:
        self._embeddings, self._name, self._dimension = embeddings, name, dimension

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        return self._dimension

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of passages; raises whatever LangChain's class raises."""
        return await self._embeddings.aembed_documents(list(texts))

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of questions; raises whatever LangChain's class raises."""
        return [await self._embeddings.aembed_query(text) for text in texts]


class LangChainPassages:
    """Passages of one of LangChain's vector stores, as ``MemorySkill(finder=...)`` takes them.

    The store is filled and configured by LangChain's own means, and searched with its own embeddings. Every
    store has filters of another form; a ``where`` is therefore applied here, to ten times as many passages as
    are wanted, and refused when too few of these pass for it to be exact.

    Args:
        store: any of LangChain's ``VectorStore``.
        higher_is_nearer: how its scores are to be read; most stores' are similarities.
    """

    def __init__(self, store: Any, *, higher_is_nearer: bool = True) -> None:
        self._store, self._sign = store, 1.0 if higher_is_nearer else -1.0

    async def find(
        self, question: str, limit: int = 5, *, where: Filter | Mapping[str, Any] | None = None
    ) -> list[Recollection]:
        """At most ``limit`` passages, best first.

        Raises:
            FilterError: ``where`` is no filter, or too few of the passages looked at pass it.
            StoreUnavailableError: the store failed; its own error is the cause.
        """
        wanted = filter_from(where)
        asked = limit if wanted is None else FILTERED * limit
        found = await self._search(question, asked)
        passages = [self._passage(document, score) for document, score in found]
        kept = [passage for passage in passages if wanted is None or matches(wanted, passage.metadata)]
        if wanted is not None and len(kept) < limit and len(found) == asked:
            raise FilterError(
                f"only {len(kept)} of the nearest {asked} passages pass it, and more cannot be looked at. "
                "Use the store's own filter through LangChain, or one of planloom's stores.",
                where,
            )
        return kept[:limit]

    async def _search(self, question: str, limit: int) -> list[tuple[Any, float]]:
        try:
            return list(await self._store.asimilarity_search_with_score(question, k=limit))
        except Exception as error:  # each store has its client's errors, and these have no base in common
            name = type(self._store).__name__
            raise StoreUnavailableError(
                f"LangChain's {name}", f"{type(error).__name__}: {error!s:.300}"
            ) from error

    def _passage(self, document: Any, score: float) -> Recollection:
        if not isinstance(document.page_content, str):
            raise SemanticMemoryError("The LangChain store gave a document without text.")
        metadata = {str(name): _plain(value) for name, value in document.metadata.items()}
        source = str(metadata.get(SOURCE, ""))
        key = str(getattr(document, "id", None) or content_key(source, document.page_content))
        return Recollection(key, document.page_content, source, self._sign * float(score), metadata)


def _plain(value: Any) -> Any:
    """Metadata as memory keeps them; stores add times and ids, which a journal could not keep."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) else str(value)
