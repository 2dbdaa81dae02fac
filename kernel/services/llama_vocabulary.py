"""A model's tokens: from text, to bytes, and which of them are special."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["LlamaVocabulary"]

USUAL_PIECE = 64


class LlamaVocabulary:
    """The vocabulary of a loaded model. Safe to be used by many threads."""

    def __init__(self, model: Any, library: Any) -> None:
        self._library = library
        self.handle = library.llama_model_get_vocab(model)
        self.size: int = library.llama_vocab_n_tokens(self.handle)
        self._bos: int = library.llama_vocab_bos(self.handle)
        self._eos: int = library.llama_vocab_eos(self.handle)
        self._pieces: dict[int, bytes] = {}

    @property
    def end(self) -> int:
        """The token that ends an answer."""
        eot: int = self._library.llama_vocab_eot(self.handle)
        return eot if eot >= 0 else self._eos

    @property
    def bos_text(self) -> str:
        """How a chat template spells the token that starts a text; empty if there is none."""
        return self._text(self._bos)

    @property
    def eos_text(self) -> str:
        """How a chat template spells the token that ends a text; empty if there is none."""
        return self._text(self._eos)

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """The tokens of ``text``; with ``special``, the texts of control tokens become those tokens."""
        data = text.encode(errors="replace")
        room = len(data) + 2
        tokens = (ctypes.c_int32 * room)()
        count = self._library.llama_tokenize(self.handle, data, len(data), tokens, room, False, special)
        return tokens[:count]

    def started(self, tokens: Sequence[int]) -> list[int]:
        """``tokens`` as the start of a text: never empty, and with the start token if the model wants one."""
        wants_start = self._library.llama_vocab_get_add_bos(self.handle) or not tokens
        if wants_start and self._bos >= 0 and list(tokens[:1]) != [self._bos]:
            return [self._bos, *tokens]
        return list(tokens) or [self._eos]

    def piece(self, token: int) -> bytes:
        """The bytes that ``token`` stands for; none for a control token. They may be part of a character."""
        if token not in self._pieces:
            self._pieces[token] = self._read_piece(token, special=False)
        return self._pieces[token]

    def ends_line(self, token: int) -> bool:
        return self.piece(token).endswith(b"\n")

    def ends_answer(self, token: int) -> bool:
        return bool(self._library.llama_vocab_is_eog(self.handle, token))

    def is_marker(self, token: int) -> bool:
        """Whether ``token`` is a control token, or looks like one."""
        library, kinds = self._library, self._library.llama_vocab_get_attr(self.handle, token)
        if kinds & library.LLAMA_TOKEN_ATTR_CONTROL:
            return True
        text = self.piece(token)
        user_defined = kinds & library.LLAMA_TOKEN_ATTR_USER_DEFINED
        return bool(user_defined and text.startswith(b"<") and text.endswith(b">"))

    def texts(self) -> Iterator[tuple[int, bytes]]:
        """Every token with its text, the markers' too."""
        return ((token, self._read_piece(token, special=True)) for token in range(self.size))

    @property
    def tokenize_address(self) -> int | None:
        """Where llama.cpp's own tokenizer is, for other native libraries."""
        return ctypes.cast(self._library.llama_cpp._lib.llama_tokenize, ctypes.c_void_p).value

    def _text(self, token: int) -> str:
        return self._read_piece(token, special=True).decode(errors="replace") if token >= 0 else ""

    def _read_piece(self, token: int, *, special: bool, room: int = USUAL_PIECE) -> bytes:
        buffer = ctypes.create_string_buffer(room)
        size = self._library.llama_token_to_piece(self.handle, token, buffer, room, 0, special)
        return buffer.raw[:size] if size >= 0 else self._read_piece(token, special=special, room=-size)
