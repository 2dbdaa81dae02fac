"""Sources: where a value came from, and the patterns that rules name them by."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

__all__ = ["LITERAL", "MODEL", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """One place that a value came from.

    ``kind`` says what ``name`` is: the input or ``<ask>`` variable that a user gave, the function whose
    output it is, or a source that a caller declared for an input. ``literal`` is what the plan's own text or
    a function's default says; ``model`` is any language model. ``label`` is the source that a function
    declared for its output.
    """

    kind: Literal["user", "literal", "function", "model", "named"]
    name: str = ""
    label: str = ""

    def __str__(self) -> str:
        if self.kind == "user":
            return f"user:{self.name}"
        return f"{self.name} ({self.label})" if self.label else self.name or self.kind

    def matches(self, pattern: str) -> bool:
        """Whether a rule's pattern means this source, without regard to case.

        ``user`` is any input or answer and ``user:NAME`` one of them; ``literal`` and ``model`` are
        themselves; all else is a glob over function names and declared sources (``Contacts.*``, ``email``).
        """
        return any(fnmatchcase(name.lower(), pattern.lower()) for name in self._names())

    def _names(self) -> tuple[str, ...]:
        if self.kind == "user":
            return ("user", f"user:{self.name}")
        return (self.name or self.kind, self.label) if self.label else (self.name or self.kind,)


LITERAL = Source("literal")
MODEL = Source("model")
