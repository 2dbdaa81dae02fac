"""semantic-kernel's embedding services in a memory, without importing semantic-kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

__all__ = ["SemanticKernelEmbeddings"]


class EmbeddingGenerator(Protocol):
    """What is used of semantic-kernel's ``EmbeddingGeneratorBase``."""

    async def generate_embeddings(self, texts: list[str]) -> Any: ...


class SemanticKernelEmbeddings:
    """One of semantic-kernel's embedding services as planloom's.

    Args:
        generator: any ``EmbeddingGeneratorBase``: OpenAI, Azure, Ollama, Mistral, Google, ONNX and others.
        name: of the model; the service's own model id if left out.
        dimension: of the vectors; 0 if it is not known.
    """

    def __init__(self, generator: EmbeddingGenerator, name: str = "", dimension: int = 0) -> None:
        self._generator, self._dimension = generator, dimension
        self._name = name or str(getattr(generator, "ai_model_id", "") or type(generator).__name__)

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        return self._dimension

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text, in order; raises whatever semantic-kernel's service raises."""
        found = await self._generator.generate_embeddings(list(texts))
        return [[float(value) for value in vector] for vector in found]
