"""What a model may write next: the narrow interface between the sampling loop and a grammar engine."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy
from numpy.typing import NDArray

from planloom.errors import GrammarError

__all__ = ["Constraint", "GbnfConstraint", "GrammarEngine", "Logits"]

GrammarEngine = Literal["auto", "llama.cpp"]
Logits = NDArray[numpy.float32]


class Constraint(Protocol):
    """The state of one constrained answer. Tokens are accepted in order; the end token never is."""

    def allows(self, token: int) -> bool:
        """Whether ``token`` may come next. Cheap: asked before anything is masked."""
        ...

    def mask(self, logits: Logits) -> None:
        """Set the logits of all tokens that may not come next to minus infinity, in place."""
        ...

    def accept(self, token: int) -> None:
        """``token`` was written."""
        ...

    def forced(self) -> list[int]:
        """The tokens that must come next, as far as there is no choice; they are not accepted by this.

        The end token is the last of them when nothing else can follow.
        """
        ...

    def follows(self, tokens: Sequence[int]) -> int:
        """How many of ``tokens`` may come next, one after the other; 0 where that is not cheap to tell."""
        ...

    def close(self) -> None:
        """Give back what the constraint holds."""
        ...


# The layout of llama.cpp's llama_token_data.
CANDIDATE = numpy.dtype([("id", numpy.int32), ("logit", numpy.float32), ("p", numpy.float32)])


class GbnfConstraint:
    """A GBNF grammar, run by llama.cpp's own engine.

    Raises:
        GrammarError: the text is not GBNF, has no rule ``root``, or is left-recursive.
    """

    def __init__(self, grammar: str, vocabulary: Any, llama_cpp: Any, service: str) -> None:
        self._library = llama_cpp
        text = grammar.encode(errors="replace")
        # An empty text would be taken as no grammar at all.
        self._sampler = text.strip() and llama_cpp.llama_sampler_init_grammar(vocabulary, text, b"root")
        if not self._sampler:
            raise GrammarError(
                service, "it must be GBNF, not left-recursive, with a rule named root", grammar
            )

    def allows(self, token: int) -> bool:
        one = numpy.array([(token, 0.0, 0.0)], dtype=CANDIDATE)
        self._apply(one)
        return bool(one["logit"][0] > -numpy.inf)

    def mask(self, logits: Logits) -> None:
        everything = numpy.zeros(len(logits), dtype=CANDIDATE)
        everything["id"] = numpy.arange(len(logits))
        self._apply(everything)
        logits[everything["logit"] == -numpy.inf] = -numpy.inf

    def accept(self, token: int) -> None:
        self._library.llama_sampler_accept(self._sampler, token)

    def forced(self) -> list[int]:
        return []

    def follows(self, tokens: Sequence[int]) -> int:
        return 0

    def close(self) -> None:
        if self._sampler:
            self._library.llama_sampler_free(self._sampler)
            self._sampler = None

    def _apply(self, candidates: NDArray[Any]) -> None:
        library = self._library
        address = ctypes.c_void_p(candidates.ctypes.data)
        data = ctypes.cast(address, ctypes.POINTER(library.llama_token_data))
        array = library.llama_token_data_array(data, len(candidates), -1, False)
        library.llama_sampler_apply(self._sampler, ctypes.byref(array))
