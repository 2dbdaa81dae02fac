"""Cutting a long text into chunks, on the borders that a reader would choose."""

from __future__ import annotations

__all__ = ["chunk_text"]

LINES = ("\n",)
SENTENCES = (". ", "! ", "? ", "。", "！", "？")
WORDS = (" ",)


def chunk_text(text: str, limit: int) -> list[str]:
    """``text`` in chunks of at most ``limit`` characters; joined, they are the text again.

    A chunk ends after a line if one ends in its second half, else after a sentence, else after a word.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1 character, not {limit}")
    chunks, start = [], 0
    while len(text) - start > limit:
        end = _border(text, start, start + limit)
        chunks.append(text[start:end])
        start = end
    return [*chunks, text[start:]] if start < len(text) else chunks


def _border(text: str, start: int, stop: int) -> int:
    middle = start + (stop - start) // 2
    for marks in (LINES, SENTENCES, WORDS):
        ends = [text.rfind(mark, middle, stop) + len(mark) for mark in marks if mark in text[middle:stop]]
        if ends:
            return max(ends)
    return stop
