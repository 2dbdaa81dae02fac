"""A model's working memory: evaluates tokens, keeps what it evaluated, and can be stopped while it does."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from planloom.errors import ModelNotFoundError, ServiceResponseError
from planloom.services.constraint import Logits
from planloom.services.llama_adapter import load_adapter

__all__ = ["Cancelled", "Cell", "LlamaContext", "StopFlag"]

BATCH = 256
SEQUENCES = 32
FEW_ON_A_PROCESSOR = 2
"""Tokens. There a batch of 2 takes as long as two of one, one of 4 as two, one of 8 as two and a half."""


class Cancelled(Exception):
    """The flag was set while the model was at work. Never leaves the services."""


class StopFlag:
    """Set from any thread; stops the evaluation that was given it."""

    def __init__(self) -> None:
        self.memory = ctypes.create_string_buffer(2)

    def set(self) -> None:
        self.memory[0] = b"\x01"

    def is_set(self) -> bool:
        return self.memory[0] != b"\x00"


class Cell(NamedTuple):
    """A token at a place of one of the sequences that the memory holds side by side."""

    token: int
    position: int
    sequence: int = 0


class LlamaContext:
    """The memory of one model. One thread at a time may use it.

    Raises:
        ModelNotFoundError: there is not enough memory for so many tokens.
    """

    def __init__(self, model: Any, library: Any, service: str, *, tokens: int, threads: int) -> None:
        self._library, self._service = library, service
        parameters = library.llama_context_default_params()
        parameters.n_ctx = tokens
        parameters.n_batch = parameters.n_ubatch = BATCH
        parameters.n_seq_max = SEQUENCES
        # With it a processor reads prompts 15 % faster, but takes 1.5 times as long for a token after 2,000.
        parameters.flash_attn_type = library.LLAMA_FLASH_ATTN_TYPE_DISABLED
        # One buffer for all sequences, so that one costs nothing to copy; and none that forgets by itself.
        parameters.kv_unified = parameters.swa_full = True
        parameters.n_threads = parameters.n_threads_batch = threads
        self._handle = library.llama_init_from_model(model, parameters)
        if not self._handle:
            raise ModelNotFoundError(
                service,
                f"there is not enough memory for a context of {tokens} tokens; "
                "give a smaller one: LlamaService(context_tokens=2048).",
            )
        self.few = 1 if library.llama_supports_gpu_offload() else FEW_ON_A_PROCESSOR
        """Up to so many tokens are evaluated more quickly one by one."""
        self.forgets_parts = not (
            library.llama_model_is_recurrent(model) or library.llama_model_is_hybrid(model)
        )
        """Whether ``cut`` works for any length."""
        self._memory = library.llama_get_memory(self._handle)
        self._batch = library.llama_batch_init(BATCH, 0, 1)
        self._words = library.llama_vocab_n_tokens(library.llama_model_get_vocab(model))

    def add(self, adapter: Path, model: Any) -> None:
        """Add an adapter to what is evaluated from now on; raises ``ModelNotFoundError``."""
        load_adapter(adapter, model, self._handle, self._library, self._service)

    def close(self) -> None:
        self._library.llama_batch_free(self._batch)
        self._library.llama_free(self._handle)

    def evaluate(self, cells: Sequence[Cell], outputs: Sequence[int], flag: StopFlag) -> None:
        """Evaluate up to 256 cells, with logits for those at the indices ``outputs``.

        Raises:
            Cancelled: ``flag`` was set; what the memory holds of these cells is undefined.
            ServiceResponseError: llama.cpp failed.
        """
        self._fill(cells, outputs)
        self._listen(flag)
        status = self._library.llama_decode(self._handle, self._batch)
        if flag.is_set():
            raise Cancelled
        if status != 0:
            raise ServiceResponseError(
                self._service, f"llama.cpp could not evaluate the prompt (status {status})"
            )

    def logits(self, output: int) -> Logits:
        """A copy of the logits after the cell at index ``output`` of the last evaluation; -1 is the last."""
        pointer = self._library.llama_get_logits_ith(self._handle, output)
        return numpy.array(numpy.ctypeslib.as_array(pointer, shape=(self._words,)), dtype=numpy.float32)

    def forget(self) -> None:
        """Forget all tokens of all sequences."""
        self._library.llama_memory_clear(self._memory, False)

    def cut(self, sequence: int, length: int) -> bool:
        """Forget all but the first ``length`` tokens of a sequence; False if this kind of model cannot."""
        return bool(self._library.llama_memory_seq_rm(self._memory, sequence, length, -1))

    def copy(self, source: int, target: int) -> None:
        """Give the sequence ``target`` all the tokens of ``source``, without evaluating them again."""
        self._library.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def state(self, sequence: int) -> bytes:
        """What the memory holds of a sequence; empty if this kind of model cannot give it."""
        size = self._library.llama_state_seq_get_size(self._handle, sequence)
        buffer = (ctypes.c_uint8 * size)()
        written = self._library.llama_state_seq_get_data(self._handle, buffer, size, sequence)
        return bytes(buffer) if written == size else b""

    def restore(self, sequence: int, state: bytes) -> bool:
        """Put a state into the empty memory, as if its tokens had been evaluated; False if that fails."""
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        return bool(self._library.llama_state_seq_set_data(self._handle, buffer, len(state), sequence))

    def _fill(self, cells: Sequence[Cell], outputs: Sequence[int]) -> None:
        batch, wanted = self._batch, set(outputs)
        batch.n_tokens = len(cells)
        for index, (token, position, sequence) in enumerate(cells):
            batch.token[index], batch.pos[index] = token, position
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, sequence
            batch.logits[index] = index in wanted

    def _listen(self, flag: StopFlag) -> None:
        """Have llama.cpp look at ``flag`` between any two operations of its graph.

        It asks a C function. One written in Python would need the interpreter's lock a thousand times per
        token; strlen of the flag's memory, which is 0 or 1, needs none.
        """
        ask = ctypes.cast(ctypes.CDLL(None).strlen, self._library.ggml_abort_callback)
        self._kept_alive = ask, flag
        address = ctypes.cast(flag.memory, ctypes.c_void_p)
        self._library.llama_set_abort_callback(self._handle, ask, address)
