"""In the place of llama-cpp-python: a model whose tokens are bytes, with a memory that tells its making."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from planloom.services.constraint import Logits
from planloom.services.llama_context import Cancelled, Cell, StopFlag

WORDS = 258
START, END = 256, 257


class FakeContext:
    """In the place of ``LlamaContext``: holds of each token also which others it was evaluated with.

    Logits depend on all of that, as those of a real model depend on it by their rounding.
    """

    few = 1
    forgets_parts = True
    failing = ""
    """The method that raises, as a class attribute for tests to set."""
    gate: threading.Event | None = None
    """What an evaluation waits for."""
    entered = threading.Event()

    def __init__(self, model: Any, library: Any, service: str, *, tokens: int, threads: int) -> None:
        self.sequences: dict[int, list[Any]] = {}
        self.outputs: dict[int, Logits] = {}
        self._fail("__init__")

    def add(self, adapter: Path, model: Any) -> None:
        self._fail("add")

    def close(self) -> None: ...

    def evaluate(self, cells: Sequence[Cell], outputs: Sequence[int], flag: StopFlag) -> None:
        if self.gate is not None:
            self.entered.set()
            self.gate.wait()
        if flag.is_set():
            raise Cancelled
        together = [cell.token for cell in cells]
        self.outputs = {}
        for at, cell in enumerate(cells):
            held = self.sequences.setdefault(cell.sequence, [])
            assert cell.position == len(held)
            held.append([cell.token, together, at] if cell.sequence == 0 else [cell.token])
            if at in outputs:
                self.outputs[at] = self.outputs[-1] = self._logits(held)

    def logits(self, output: int) -> Logits:
        return self.outputs[output]

    def forget(self) -> None:
        self.sequences.clear()

    def cut(self, sequence: int, length: int) -> bool:
        del self.sequences.setdefault(sequence, [])[length:]
        return True

    def copy(self, source: int, target: int) -> None:
        self.sequences[target] = list(self.sequences[source])

    def state(self, sequence: int) -> bytes:
        return json.dumps(self.sequences[sequence]).encode()

    def restore(self, sequence: int, state: bytes) -> bool:
        self.sequences[sequence] = json.loads(state)
        return True

    def _logits(self, held: list[Any]) -> Logits:
        chance = random.Random(json.dumps(held))
        return numpy.array([chance.gauss(0, 1) for _ in range(WORDS)], dtype=numpy.float32)

    def _fail(self, method: str) -> None:
        if self.failing == method:
            raise MemoryError(method)


class FakeLibrary:
    """In the place of the module ``llama_cpp``, as far as a model and its vocabulary need it."""

    __version__ = "0"

    def __init__(self) -> None:
        self.loaded: list[int] = []
        self.freed: list[int] = []
        self.downloads: list[tuple[str, str]] = []
        self.hub_file = ""
        self.Llama = SimpleNamespace(from_pretrained=self._download)

    def _download(self, repo: str, pattern: str, **_: Any) -> Any:
        self.downloads.append((repo, pattern))
        return SimpleNamespace(model_path=self.hub_file, close=lambda: None)

    def llama_model_default_params(self) -> Any:
        return SimpleNamespace()

    def llama_model_load_from_file(self, path: bytes, parameters: Any) -> int:
        self.loaded.append(len(self.loaded) + 1)
        return self.loaded[-1]

    def llama_model_free(self, model: int) -> None:
        self.freed.append(model)

    def llama_model_n_ctx_train(self, model: int) -> int:
        return 4096

    def llama_model_chat_template(self, model: int, name: None) -> bytes:
        return (
            b"{% for message in messages %}[{{ message.role }}]\n{{ message.content }}[end]\n{% endfor %}"
            b"[assistant]"
        )

    def llama_model_get_vocab(self, model: int) -> int:
        return model

    def llama_vocab_n_tokens(self, vocabulary: int) -> int:
        return WORDS

    def llama_vocab_bos(self, vocabulary: int) -> int:
        return START

    def llama_vocab_eos(self, vocabulary: int) -> int:
        return END

    def llama_vocab_eot(self, vocabulary: int) -> int:
        return END

    def llama_vocab_get_add_bos(self, vocabulary: int) -> bool:
        return False

    def llama_vocab_is_eog(self, vocabulary: int, token: int) -> bool:
        return token == END

    def llama_print_system_info(self) -> bytes:
        return b"a processor"

    def llama_tokenize(self, _: int, data: bytes, size: int, tokens: Any, *__: Any) -> int:
        tokens[:size] = list(data)
        return size

    def llama_token_to_piece(self, _: int, token: int, buffer: Any, *__: Any) -> int:
        buffer[0] = bytes([token]) if token < START else b"\0"
        return 1 if token < START else 0


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    """The fake, in place of the real one; what a test sets on ``FakeContext`` it must set by monkeypatch."""
    pytest.importorskip("llama_cpp")
    made = FakeLibrary()
    monkeypatch.setattr("planloom.services.llama_library.load_library", lambda: made)
    monkeypatch.setattr("planloom.services.llama_engine.LlamaContext", FakeContext)
    monkeypatch.setattr(FakeContext, "entered", threading.Event())
    return made
