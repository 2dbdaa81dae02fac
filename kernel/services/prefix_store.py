"""Evaluated starts of prompts, kept while the model works on other prompts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from planloom.services.chunks import common_prefix

__all__ = ["PrefixStore"]


class PrefixStore:
    """The states of a model's memory after some prompts' starts; the least recently used ones go first.

    Args:
        budget: how many bytes all states may take together.
    """

    def __init__(self, budget: int) -> None:
        self._budget, self._used = budget, 0
        self._states: OrderedDict[tuple[int, ...], bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def covers(self, tokens: Sequence[int]) -> bool:
        """Whether a stored start begins with all of ``tokens``."""
        return any(common_prefix(stored, tokens) == len(tokens) for stored in self._states)

    def add(self, tokens: Sequence[int], state: bytes) -> None:
        """Store the state after ``tokens``; starts of it that were stored are dropped."""
        key = tuple(tokens)
        for stored in [stored for stored in self._states if stored == key[: len(stored)]]:
            self._drop(stored)
        self._states[key] = state
        self._used += len(state)
        while self._used > self._budget:
            self._drop(next(iter(self._states)))

    def best(self, tokens: Sequence[int]) -> tuple[tuple[int, ...], bytes] | None:
        """The stored start that shares most with ``tokens``, and its state; None if none shares any."""
        shared = {stored: common_prefix(stored, tokens) for stored in self._states}
        found = max(shared, key=shared.__getitem__, default=None)
        if found is None or shared[found] == 0:
            return None
        self._states.move_to_end(found)
        return found, self._states[found]

    def _drop(self, key: tuple[int, ...]) -> None:
        self._used -= len(self._states.pop(key))
