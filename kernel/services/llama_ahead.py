"""Reads what is written of an answer, and in the same batches what probably follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from planloom.services.chunks import common_prefix
from planloom.services.constraint import Logits
from planloom.services.llama_context import StopFlag
from planloom.services.llama_reader import LlamaReader

__all__ = ["LlamaAhead"]

FULL, MORE = 8, 2
"""Tokens. A batch of ``FULL`` takes as long as one of five; so many ``MORE`` hardly lengthen a larger one."""
ALIKE, SURELY_ALIKE = 2, 5
"""How many tokens must have come together before for a guess: beside a batch, and to make a batch of it."""


class LlamaAhead:
    """What is written does not depend on guesses: a token is drawn from the logits before it, and only where
    that is the guessed one, the logits after it are there already.

    Args:
        likely: gives up to so many tokens that may come next, if so many before them came together before.
    """

    def __init__(
        self, reader: LlamaReader, likely: Callable[[int, int], Sequence[int]], flag: StopFlag
    ) -> None:
        self._reader, self._likely, self._flag = reader, likely, flag
        self._guessed: Sequence[int] = ()
        self._logits: Sequence[Logits] = ()

    def extend(self, tokens: Sequence[int]) -> Logits:
        """The logits after ``tokens``, which come next.

        Raises:
            Cancelled: the flag was set.
        """
        right = common_prefix(self._guessed, tokens)
        if right < len(tokens):
            self._forget(self._guessed[right:])
            self._read(tokens[right:])
        else:
            self._guessed, self._logits = self._guessed[right:], self._logits[right:]
        return self._logits[0]

    def _forget(self, wrong: Sequence[int]) -> None:
        if wrong:
            self._reader.keep(self._reader.held - len(wrong))

    def _read(self, tokens: Sequence[int]) -> None:
        is_batch = len(tokens) > self._reader.context.few
        most = min(max(FULL - len(tokens), MORE), self._reader.spare(len(tokens)))
        self._guessed = self._likely(most, ALIKE if is_batch else SURELY_ALIKE)
        self._logits = (
            self._reader.extend_by_guesses(tokens, self._guessed, self._flag)
            if self._guessed
            else [self._reader.extend(tokens, self._flag)]
        )
