"""The text that is being read, and what has been found wrong with it so far."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from planloom.planners.language.diagnostic import Code, Diagnostic
from planloom.planners.language.nodes import Place

__all__ = ["Findings", "Source"]


class Source:
    """A text whose offsets can be told as line and column."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._line_starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]

    def place(self, offset: int) -> Place:
        line = bisect_right(self._line_starts, offset)
        return Place(line, offset - self._line_starts[line - 1] + 1)


class Findings:
    """Collects diagnostics by offset; says when it is no use to read on."""

    def __init__(self, source: Source, limit: int) -> None:
        self.source, self.limit = source, limit
        self.stopped = False
        self.unreadable = False
        """Whether the text is so broken that a tree would not be what the writer meant."""
        self._errors: list[tuple[int, Diagnostic]] = []
        self._warnings: list[tuple[int, Diagnostic]] = []

    def error(self, code: Code, message: str, offset: int, hint: str = "") -> None:
        if self.stopped:
            return
        self._errors.append((offset, Diagnostic.error(code, message, self.source.place(offset), hint)))
        if len(self._errors) >= self.limit:
            self.stop(f"there are more than {self.limit} errors, and reading stops here", offset)

    def broken(self, code: Code, message: str, offset: int, hint: str = "") -> None:
        """An error after which there is no tree."""
        self.unreadable = True
        self.error(code, message, offset, hint)

    def warning(self, code: Code, message: str, offset: int, hint: str = "") -> None:
        if len(self._warnings) < self.limit:
            self._warnings.append(
                (offset, Diagnostic.warning(code, message, self.source.place(offset), hint))
            )

    def stop(self, message: str, offset: int, hint: str = "") -> None:
        """A limit is exceeded: nothing after this is read."""
        self.stopped = self.unreadable = True
        place = self.source.place(offset)
        self._errors.append((offset, Diagnostic.error("limit-exceeded", message, place, hint)))

    @property
    def has_errors(self) -> bool:
        return bool(self._errors)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All diagnostics in the order of the text."""
        return tuple(found for _, found in sorted(self._errors + self._warnings, key=lambda pair: pair[0]))
