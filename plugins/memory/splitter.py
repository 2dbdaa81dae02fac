"""Cutting documents into passages of a certain length, at the places where a reader would."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from planloom.plugins.memory.documents import Document
from planloom.plugins.memory.outline import Block

__all__ = ["Passage", "split_document"]

CountTokens = Callable[[str], int]

LINES = ("\n",)
SENTENCES = (". ", "! ", "? ", "; ", "。", "！", "？", "；", "…")
CLAUSES = (", ", "，", "、", "：")
WORDS = (" ",)
FINER = (LINES, SENTENCES, CLAUSES, WORDS)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, small enough to be embedded and shown to a model."""

    text: str
    heading: tuple[str, ...] = ()
    page: int | None = None


def split_document(document: Document, max_tokens: int, count_tokens: CountTokens) -> list[Passage]:
    """The passages of a document, in order, none of more than about ``max_tokens`` tokens.

    A passage never crosses a heading or a page. Within them whole paragraphs are put together while they fit;
    one that is too long is cut after a line, else a sentence, a clause, a word, a character.
    """
    if max_tokens < 1:
        raise ValueError(f"max_tokens must be 1 or more, not {max_tokens}")
    marks = count_tokens("")  # what a model adds to every text, whatever it says

    def measure(text: str) -> int:
        return count_tokens(text) - marks

    passages: list[Passage] = []
    for blocks in _sections(document.blocks):
        texts = [piece for block in blocks for piece in _cut(block.text, max_tokens, measure, FINER)]
        joined = _packed(texts, "\n\n", max_tokens, measure)
        passages += [Passage(text, blocks[0].heading, blocks[0].page) for text in joined if text.strip()]
    return passages


def _sections(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Runs of blocks with the same headings on the same page."""
    section: list[Block] = []
    for block in blocks:
        if section and (block.heading, block.page) != (section[0].heading, section[0].page):
            yield section
            section = []
        section.append(block)
    if section:
        yield section


def _packed(texts: Sequence[str], between: str, limit: int, count: CountTokens) -> Iterator[str]:
    """Neighbouring texts put together while they fit."""
    held: list[str] = []
    tokens, gap = 0, count(between)
    for text in texts:
        size = count(text)
        if held and tokens + gap + size > limit:
            yield between.join(held)
            held, tokens = [], 0
        tokens += size + (gap if held else 0)
        held.append(text)
    if held:
        yield between.join(held)


def _cut(text: str, limit: int, count: CountTokens, ways: Sequence[Sequence[str]]) -> list[str]:
    """``text`` in pieces that fit; ``ways`` are the ends to cut after, the best ones first."""
    if count(text) <= limit or len(text) <= 1:
        return [text]
    if not ways:
        middle = len(text) // 2
        return _cut(text[:middle], limit, count, ways) + _cut(text[middle:], limit, count, ways)
    parts = _after(text, ways[0])
    if len(parts) == 1:
        return _cut(text, limit, count, ways[1:])
    fitting = [piece for part in parts for piece in _cut(part, limit, count, ways[1:])]
    return [piece.strip("\n") for piece in _packed(fitting, "", limit, count) if piece.strip()]


def _after(text: str, ends: Sequence[str]) -> list[str]:
    """``text`` cut after each of the ends; joined, the parts are the text again."""
    parts, start = [], 0
    while start < len(text):
        found = [place + len(end) for end in ends if (place := text.find(end, start)) >= 0]
        stop = min(found, default=len(text))
        parts.append(text[start:stop])
        start = stop
    return parts
