"""Cuts a text that arrives in pieces at the first of several stop strings."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["StopStrings"]


class StopStrings:
    """Lets text through up to a stop string, and holds back what may turn out to be the start of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.met = False

    def feed(self, piece: str) -> str:
        """The text that is certain now; empty once a stop string was met."""
        if self.met:
            return ""
        text = self._held + piece
        cut = min((at for stop in self._stops if (at := text.find(stop)) >= 0), default=-1)
        if cut >= 0:
            self.met, self._held = True, ""
            return text[:cut]
        certain = len(text) - self._possible_start(text)
        self._held = text[certain:]
        return text[:certain]

    def flush(self) -> str:
        """What was held back, now that no more comes."""
        held, self._held = self._held, ""
        return held

    def _possible_start(self, text: str) -> int:
        """The length of the longest end of ``text`` that begins a stop string."""
        longest = max(map(len, self._stops), default=1) - 1
        ends = range(min(longest, len(text)), 0, -1)
        return next((n for n in ends if any(stop.startswith(text[-n:]) for stop in self._stops)), 0)
