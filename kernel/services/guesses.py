"""Guesses which tokens follow: those that did when the same two tokens came before."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Guesses"]


class Guesses:
    """A prompt and the answer so far, by their pairs of tokens.

    Plans repeat themselves and their prompt: the names of functions and arguments, values of the goal.
    """

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        self.note(tokens)

    def note(self, tokens: Iterable[int]) -> None:
        """``tokens`` come next."""
        for token in tokens:
            self._after[tuple(self._tokens[-2:])] = len(self._tokens)
            self._tokens.append(token)

    def next(self, most: int, alike: int = 2) -> list[int]:
        """Up to ``most`` tokens, as after the last two before; none unless the last ``alike`` came then."""
        size = len(self._tokens)
        at = self._after.get(tuple(self._tokens[-2:]), size)
        known = self._tokens[max(0, at - alike) : at] == self._tokens[-alike:]
        return self._tokens[at : at + most] if known else []
