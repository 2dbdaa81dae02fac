"""One loaded embedding model, driven through llama-cpp-python's low-level functions."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy

from planloom.errors import ContextLengthError, ModelNotFoundError, ServiceResponseError
from planloom.services.llama_library import context_limit, load_library, load_model
from planloom.services.llama_vocabulary import LlamaVocabulary

__all__ = ["EmbeddingEngine", "Pooling"]

Pooling = Literal["mean", "cls", "last"]


class EmbeddingEngine:
    """A loaded model. One thread at a time may use it."""

    def __init__(
        self, path: Path, service: str, pooling: Pooling | None, context_tokens: int, threads: int
    ) -> None:
        self._library = library = load_library()
        self._service = service
        with ExitStack() as opened:
            self._model = load_model(path, library, service)
            opened.callback(library.llama_model_free, self._model)
            self._vocabulary = LlamaVocabulary(self._model, library)
            self._limit = context_limit(self._model, library, context_tokens)
            self.dimension: int = library.llama_model_n_embd_out(self._model)
            self._encoder_only = not library.llama_model_has_decoder(self._model)
            self._context = self._make_context(pooling, threads)
            opened.callback(library.llama_free, self._context)
            self._batch = library.llama_batch_init(self._limit, 0, 1)
            opened.callback(library.llama_batch_free, self._batch)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Free the model and its memory. May be called twice."""
        self._opened.close()

    def tokenize(self, text: str) -> list[int]:
        """The tokens of ``text`` with the marks that the model wants around them."""
        data = text.encode()
        room = len(data) + 8
        tokens = (ctypes.c_int32 * room)()
        handle = self._vocabulary.handle
        count = self._library.llama_tokenize(handle, data, len(data), tokens, room, True, False)
        return tokens[:count] or self._vocabulary.started([])

    def embed(self, text: str) -> list[float]:
        tokens = self.tokenize(text)
        if len(tokens) > self._limit:
            raise ContextLengthError(self._service, len(tokens), self._limit)
        self._evaluate(tokens)
        pointer = self._library.llama_get_embeddings_seq(self._context, 0)
        if not pointer:
            raise ServiceResponseError(self._service, "the model gives no vectors; is it an embedding model?")
        vector = numpy.array(numpy.ctypeslib.as_array(pointer, shape=(self.dimension,)), dtype=numpy.float64)
        found: list[float] = (vector / (numpy.linalg.norm(vector) or 1.0)).tolist()
        return found

    def _evaluate(self, tokens: Sequence[int]) -> None:
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index], batch.pos[index] = token, index
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
            batch.logits[index] = True
        if not self._encoder_only:
            self._library.llama_memory_clear(self._library.llama_get_memory(self._context), True)
        evaluate = self._library.llama_encode if self._encoder_only else self._library.llama_decode
        status = evaluate(self._context, batch)
        if status != 0:
            raise ServiceResponseError(
                self._service, f"llama.cpp could not evaluate the text (status {status})."
            )

    def _make_context(self, pooling: Pooling | None, threads: int) -> Any:
        library = self._library
        parameters = library.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = self._limit
        parameters.n_seq_max = 1
        parameters.embeddings = True
        parameters.n_threads = parameters.n_threads_batch = threads
        if pooling is not None:
            parameters.pooling_type = getattr(library, f"LLAMA_POOLING_TYPE_{pooling.upper()}")
        context = library.llama_init_from_model(self._model, parameters)
        if context and library.llama_pooling_type(context) == library.LLAMA_POOLING_TYPE_NONE:
            library.llama_free(context)  # a chat model's file names no pooling
            parameters.pooling_type = library.LLAMA_POOLING_TYPE_MEAN
            context = library.llama_init_from_model(self._model, parameters)
        if not context:
            raise ModelNotFoundError(
                self._service, f"there is not enough memory for a context of {self._limit} tokens."
            )
        return context
