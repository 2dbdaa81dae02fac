"""Words of names, descriptions and goals, made comparable: identifiers split, endings cut, Chinese paired."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

__all__ = ["sentences", "words"]

# Runs of one script: an identifier's parts (getHTTPStatus2 is get HTTP Status 2), or Han, kana and Hangul.
UPPER, LOWER = "A-Z\u00c0-\u00d6\u00d8-\u00de", "a-z\u00df-\u00f6\u00f8-\u024f"
DENSE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
PIECES = re.compile(
    rf"[{UPPER}]+(?=[{UPPER}][{LOWER}])|[{UPPER}]?[{LOWER}]+|[{UPPER}]+|[0-9]+"
    rf"|(?P<dense>[{DENSE}]+)|[^\W\d_{UPPER}{LOWER}{DENSE}]+"
)
LETTER_PREFIX = re.compile(r"\b([A-Za-z])-(?=[a-z])")  # e-mail is email, T-shirt is Tshirt
SENTENCE_ENDS = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；])|\n")
# Words that say nothing of a subject; a closed class of English, so the list does not grow with use.
CLOSED_CLASS = (
    "a an and are as at be been by can could do does for from had has have he her his how i if in into is it "
    "its me my of on or our please shall she should so such than that the their them then there these they "
    "this those to us was we were what when where which while who will with would you your"
)
FUNCTION_WORDS = frozenset(CLOSED_CLASS.split())
ENDINGS = (("ations", "at"), ("ation", "at"), ("ies", "y"), ("ers", "er"), ("ing", ""), ("ed", ""))


def words(text: str) -> list[str]:
    """The words of ``text``, lower-cased and stemmed; pairs of characters where no spaces are written."""
    found: list[str] = []
    for match in PIECES.finditer(LETTER_PREFIX.sub(r"\1", text)):
        piece = match.group()
        if match.lastgroup == "dense":
            found += _pairs(piece)
        elif (word := piece.lower()) not in FUNCTION_WORDS:
            found.append(_stem(word))
    return found


def sentences(text: str) -> list[str]:
    """The sentences of ``text``, without empty ones."""
    return [part for part in SENTENCE_ENDS.split(text) if part.strip()]


def _pairs(run: str) -> list[str]:
    return [first + second for first, second in pairwise(run)] or [run]


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    """``word`` without its commonest English endings; never shorter than three letters."""
    if len(word) <= 3 or not word.isascii():
        return word
    stem = _without_ending(word)
    if stem.endswith("e") and len(stem) > 4:
        stem = stem[:-1]
    if len(stem) > 4 and stem[-1] == stem[-2]:
        stem = stem[:-1]
    return stem


def _without_ending(word: str) -> str:
    for ending, left in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + left
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
