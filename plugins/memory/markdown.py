"""Markdown as blocks: headings, paragraphs, lists, tables and fenced code, told apart line by line."""

from __future__ import annotations

from collections.abc import Iterator

from planloom.plugins.memory.outline import Block, Outline

__all__ = ["markdown_blocks"]

FENCES = ("```", "~~~")
DEEPEST = 6


def markdown_blocks(text: str) -> tuple[Block, ...]:
    """The blocks of a Markdown text (the headings, fences and paragraphs of CommonMark)."""
    outline, paragraph = Outline(), list[str]()
    lines = iter(text.splitlines())
    for line in lines:
        fence = _fence(line)
        level, title = _heading(line)
        underline = _underline(line) if paragraph and len(paragraph) == 1 else 0
        if fence:
            _flush(outline, paragraph)
            outline.add("\n".join(_fenced(line, fence, lines)), "code")
        elif level:
            _flush(outline, paragraph)
            outline.heading(level, title)
        elif underline:
            outline.heading(underline, paragraph.pop())
        elif line.strip():
            paragraph.append(line)
        else:
            _flush(outline, paragraph)
    _flush(outline, paragraph)
    return outline.finished()


def _flush(outline: Outline, paragraph: list[str]) -> None:
    is_table = len(paragraph) > 1 and all("|" in line for line in paragraph)
    outline.add("\n".join(paragraph), "table" if is_table else "text")
    paragraph.clear()


def _heading(line: str) -> tuple[int, str]:
    """The level and title of ``## Title ##``; level 0 for another line."""
    bare = line.strip()
    title = bare.lstrip("#")
    level = len(bare) - len(title)
    if not 0 < level <= DEEPEST or (title and not title[0].isspace()) or line.startswith("    "):
        return 0, ""
    return level, title.strip().rstrip("#").strip()


def _underline(line: str) -> int:
    """1 below a title underlined with ``===``, 2 with ``---``, else 0."""
    bare = line.strip()
    if len(bare) < 3:
        return 0
    return {"=": 1, "-": 2}.get(bare[0], 0) if set(bare) <= {bare[0]} else 0


def _fence(line: str) -> str:
    """The marks that open a block of code, as many as there are; empty for another line."""
    bare = line.lstrip()
    for mark in FENCES:
        if bare.startswith(mark):
            return mark[0] * (len(bare) - len(bare.lstrip(mark[0])))
    return ""


def _fenced(first: str, fence: str, rest: Iterator[str]) -> list[str]:
    """The lines of a block of code with its fences; to the end of the text if it is never closed."""
    block = [first]
    for line in rest:
        block.append(line)
        bare = line.strip()
        if bare.startswith(fence) and set(bare) == {fence[0]}:
            break
    return block
