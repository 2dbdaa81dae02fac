"""A goal as clauses, one wish each, and the pieces of a clause that may be values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from planloom.planners.retrieval.words import FUNCTION_WORDS, words

__all__ = ["Piece", "clauses", "mentions", "names_left", "pieces", "points_back"]

# Conjunctions and punctuation of English and Chinese.
BETWEEN = re.compile(
    r"[,;]?\s+(?:and\s+then|and|then|after\s+that|afterwards)\s+|[;,]\s+|\s+[-–—]\s+|[.!?]\s+|\n+"
    r"|[，。；！？]\s*(?:然后|接着|再|并且|并)?|(?:然后|接着|并且|并)",
    re.IGNORECASE,
)
# A word, without the "'s" that may follow it; Chinese characters one by one.
TOKEN = re.compile(r"[\u3400-\u9fff]|(?:(?!['’]s\b)[^\s\u3400-\u9fff])+")
AROUND = " \t\n,.;:!?\"'“”‘’()[]，。；：！？、「」《》"
LONGEST = 8
"""Words of a value; a longer one is found only at the end of a clause."""
# Pronouns are a closed class: this list does not grow with use.
PRONOUNS = frozenset(
    [
        "it",
        "its",
        "he",
        "him",
        "his",
        "she",
        "her",
        "they",
        "them",
        "their",
        "this",
        "that",
        "these",
        "those",
        "here",
        "there",
        "它",
        "他",
        "她",
        "其",
        "这",
        "那",
        "它们",
        "他们",
    ]
)


@dataclass(frozen=True)
class Piece:
    """A part of the goal. ``start`` is where it begins in the goal."""

    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def overlaps(self, other: Piece) -> bool:
        return self.start < other.end and other.start < self.end


def clauses(goal: str) -> tuple[Piece, ...]:
    """The parts of a goal that each may need a call of their own, in order."""
    starts = [0, *(match.end() for match in BETWEEN.finditer(goal))]
    ends = [*(match.start() for match in BETWEEN.finditer(goal)), len(goal)]
    found = [_trimmed(goal, start, end) for start, end in zip(starts, ends, strict=True)]
    return tuple(piece for piece in found if piece.text) or (Piece(goal, 0),)


def pieces(clause: Piece) -> list[Piece]:
    """The parts of a clause that may be values, each text once.

    None begins with the clause's first word, mostly a verb, or ends with a word like "of", unless that is a
    name or a pronoun.
    """
    tokens = [(match.start(), match.end()) for match in TOKEN.finditer(clause.text)]
    first = 1 if len(tokens) > 1 and not _is_name_anywhere(clause.text, tokens[0]) else 0
    found: dict[str, Piece] = {}
    for start in range(first, len(tokens)):
        for end in range(start, len(tokens)):
            if end - start < LONGEST or end == len(tokens) - 1:
                piece = _trimmed(clause.text, tokens[start][0], tokens[end][1])
                found.setdefault(piece.text, Piece(piece.text, clause.start + piece.start))
    return [piece for text, piece in found.items() if text and (points_back(text) or not _is_open(text))]


def points_back(text: str) -> bool:
    """Whether a text is a pronoun: "it", "them"."""
    return text.lower() in PRONOUNS


def mentions(text: str, name: str) -> bool:
    """Whether a text says the name of an input and nothing more: "the input", "my subject"."""
    return bool(words(text)) and words(text) == words(name)


def names_left(clause: Piece, used: Iterable[Piece]) -> list[str]:
    """The words that look like a name, a number or an address, and that no value has used."""
    taken = list(used)
    return [word.text for word in _names(clause) if not any(word.overlaps(piece) for piece in taken)]


def _names(clause: Piece) -> Iterator[Piece]:
    for match in list(TOKEN.finditer(clause.text))[1:]:
        word = _trimmed(clause.text, match.start(), match.end())
        long = len(word.text) > 1
        if any(letter.isdigit() or (long and (letter.isupper() or letter in "@/.")) for letter in word.text):
            yield Piece(word.text, clause.start + word.start)


def _is_name_anywhere(text: str, token: tuple[int, int]) -> bool:
    """Whether a clause begins with a name: a file, a number, or Latin letters before Chinese."""
    word, after = text[slice(*token)], text[token[1] : token[1] + 1]
    marked = any(letter.isdigit() or letter in "@/" for letter in word) or "." in word[1:-1]
    return marked or (word.isascii() and bool(after) and not after.isascii())


def _is_open(text: str) -> bool:
    """Whether a text ends with a word that needs another one after it."""
    return text.split()[-1].lower() in FUNCTION_WORDS


def _trimmed(text: str, start: int, end: int) -> Piece:
    """``text[start:end]`` without the punctuation around it."""
    part = text[start:end]
    return Piece(part.strip(AROUND), start + len(part) - len(part.lstrip(AROUND)))
