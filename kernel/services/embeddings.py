"""What embedding services may offer beyond ``EmbeddingService``, and how to ask any of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from planloom.errors import ServiceResponseError
from planloom.services.protocol import EmbeddingService
from planloom.services.usage import estimate_tokens

__all__ = [
    "QueryEmbeddingService",
    "TokenCountingService",
    "batches",
    "checked_vectors",
    "clean_text",
    "embed_query",
    "token_counter",
]

T = TypeVar("T")


@runtime_checkable
class QueryEmbeddingService(Protocol):
    """A model that embeds what is searched for in another way than what is found, as the E5 models do."""

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per question, in order; ``embed`` is for the passages."""
        ...


@runtime_checkable
class TokenCountingService(Protocol):
    """A model that can tell how many tokens it makes of a text."""

    def count_tokens(self, text: str) -> int: ...


async def embed_query(service: EmbeddingService, text: str) -> list[float]:
    """The vector of one question, by ``embed_queries`` where the service has it.

    Raises:
        ServiceError: the service failed, or gave something else than one vector of finite numbers.
    """
    ask = service.embed_queries if isinstance(service, QueryEmbeddingService) else service.embed
    return checked_vectors(service.name, await ask([text]), 1)[0]


def token_counter(service: object) -> Callable[[str], int]:
    """How ``service`` counts tokens; an estimate where it cannot."""
    return service.count_tokens if isinstance(service, TokenCountingService) else estimate_tokens


def checked_vectors(service: str, vectors: Sequence[Sequence[float]], count: int) -> list[list[float]]:
    """``vectors`` as lists, if they are ``count`` vectors of finite numbers and of one dimension.

    Raises:
        ServiceResponseError: they are not.
    """
    if len(vectors) != count:
        raise ServiceResponseError(service, f"{len(vectors)} vectors came for {count} texts.")
    if len({len(vector) for vector in vectors}) > 1 or any(not len(vector) for vector in vectors):
        raise ServiceResponseError(service, "the vectors of one answer have different dimensions, or none.")
    if not all(math.isfinite(sum(vector)) for vector in vectors):
        raise ServiceResponseError(service, "a vector holds something else than finite numbers.")
    return [list(vector) for vector in vectors]


def clean_text(text: str) -> str:
    """``text`` as C libraries and JSON can take it: no NUL, which would end it, and no half characters."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """``items`` in runs of at most ``size``."""
    return (items[start : start + size] for start in range(0, len(items), size))
