"""How large a plan may be: checked while it is read, so that no tree over the limits is ever built."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one reading; published plans have 24 steps at most, in three levels."""

    bytes: int = 1_000_000
    """Of the whole text, in UTF-8."""
    depth: int = 32
    """Elements inside each other, ``<plan>`` included."""
    steps: int = 20_000
    """Elements that become nodes of the tree."""
    attributes: int = 100
    """Attributes or arguments of one element."""
    faults: int = 100
    """Reading stops after this many errors, and lists no more warnings than this."""
