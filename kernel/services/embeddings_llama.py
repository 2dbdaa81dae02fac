"""Embeddings from a GGUF model in this process, through llama-cpp-python."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from planloom.errors import MissingExtraError, ModelNotFoundError
from planloom.services.embeddings import clean_text
from planloom.services.switch import require_model_requests

if TYPE_CHECKING:
    from planloom.services.embedding_engine import EmbeddingEngine, Pooling

__all__ = ["LlamaEmbeddingService"]


class LlamaEmbeddingService:
    """An embedding model as a GGUF file: bge, e5, gte, MiniLM, nomic, Qwen3-Embedding and others.

    Args:
        model: the file's path.
        name: the service's name in errors, and of the model in collections; the file's name if left out.
        pooling: how a text's token vectors become one; what the file says if left out, and else the mean.
        query_prefix: put before questions, for models that want it (``"query: "``).
        passage_prefix: put before passages (``"passage: "``).
        context_tokens: the most tokens of one text; never more than the model was trained for.
        threads: how many threads compute; all cores up to four if left out.

    The model is loaded by the first call. Vectors have length 1.

    Raises:
        MissingExtraError: llama-cpp-python is not installed.
        ModelNotFoundError: there is no such file.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        name: str | None = None,
        pooling: Pooling | None = None,
        query_prefix: str = "",
        passage_prefix: str = "",
        context_tokens: int = 512,
        threads: int | None = None,
    ) -> None:
        if importlib.util.find_spec("llama_cpp") is None:
            raise MissingExtraError("llama-cpp-python", "local", "LlamaEmbeddingService")
        self._path = Path(model).expanduser()
        self._name = name or self._path.stem
        if not self._path.is_file():
            raise ModelNotFoundError(
                self._name, f"there is no file {str(model)!r}; give the path of a .gguf file."
            )
        self._pooling, self._context_tokens = pooling, context_tokens
        self._threads = threads or min(4, os.cpu_count() or 1)
        self._prefixes = {True: query_prefix, False: passage_prefix}
        self._engine: EmbeddingEngine | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        """The vectors' dimension; loads the model if need be."""
        with self._lock:
            return self._loaded().dimension

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of passages.

        Raises:
            ContextLengthError: a text has more tokens than ``context_tokens``.
            ModelNotFoundError: the file is not a model that can be loaded.
        """
        return await self._embed(texts, is_query=False)

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of questions; raises what ``embed`` raises."""
        return await self._embed(texts, is_query=True)

    def count_tokens(self, text: str) -> int:
        """How many tokens the model reads for ``text``, its start and end marks included."""
        with self._lock:
            return len(self._loaded().tokenize(clean_text(text)))

    async def _embed(self, texts: Sequence[str], *, is_query: bool) -> list[list[float]]:
        require_model_requests(self._name)
        prefix = self._prefixes[is_query]
        return [await asyncio.to_thread(self._encode, prefix + clean_text(text)) for text in texts]

    def _encode(self, text: str) -> list[float]:
        with self._lock:
            return self._loaded().embed(text)

    def _loaded(self) -> EmbeddingEngine:
        from planloom.services.embedding_engine import EmbeddingEngine

        if self._engine is None:
            self._engine = EmbeddingEngine(
                self._path, self._name, self._pooling, self._context_tokens, self._threads
            )
            weakref.finalize(self, self._engine.close).atexit = False
        return self._engine
