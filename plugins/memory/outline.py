"""What a document's reader builds: blocks of text, each below its headings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Block", "BlockKind", "Outline"]

BlockKind = Literal["text", "code", "table"]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list, table or piece of code. ``page`` counts from 1, where a document has pages."""

    text: str
    heading: tuple[str, ...] = ()
    kind: BlockKind = "text"
    page: int | None = None


class Outline:
    """Collects blocks below the headings that are open. No heading is lost: an empty one becomes a block."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._open: list[tuple[int, str]] = []
        self._is_empty = False

    def heading(self, level: int, title: str) -> None:
        """Open a heading; those of the same level and below are closed."""
        title = " ".join(title.split())
        if not title:
            return
        if self._open and level <= self._open[-1][0]:
            self._close_empty()
        self._open = [*((depth, name) for depth, name in self._open if depth < level), (level, title)]
        self._is_empty = True

    def add(self, text: str, kind: BlockKind = "text", page: int | None = None) -> None:
        """Add a block, unless there is nothing in it."""
        text = text.strip("\n").rstrip() if kind == "code" else text.strip()
        if text:
            self._blocks.append(Block(text, tuple(name for _, name in self._open), kind, page))
            self._is_empty = False

    def finished(self) -> tuple[Block, ...]:
        """All blocks, in order."""
        self._close_empty()
        return tuple(self._blocks)

    def _close_empty(self) -> None:
        if self._is_empty:
            *above, (_, title) = self._open
            self._blocks.append(Block(title, tuple(name for _, name in above)))
            self._is_empty = False
