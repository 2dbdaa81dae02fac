"""Values in Chinese, which is written without spaces: spans between function words, and numerals."""

from __future__ import annotations

import re
from collections.abc import Iterator

from planloom.planners.choices.clauses import Piece

__all__ = ["is_han", "numerals", "spans"]

HAN = re.compile(r"[\u3400-\u9fff]")
# Particles, prepositions, pronouns, question words and the like, which stand between words: a closed class.
BETWEEN = re.compile(
    "怎么样|怎么|什么|多少|现在|一下|附近|旁边|[的把在从到给了是有没吗呢和与为成用向对将被请帮我你您再来去后这那多几哪谁里]"
    r"|[^\u3400-\u9fff]+"
)
NUMERALS = re.compile(r"(?:百分之)?(负|零下)?((?:[零〇一二两三四五六七八九十百万亿]|千(?![克瓦卡赫]))+)")
DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
UNITS = {"十": 10, "百": 100, "千": 1000}
SECTIONS = {"万": 10_000, "亿": 100_000_000}
SHORTEST, LONGEST = 2, 6
"""Characters of a span."""


def is_han(text: str) -> bool:
    """Whether a text has Chinese characters."""
    return HAN.search(text) is not None


def spans(clause: Piece) -> Iterator[Piece]:
    """Every start and end of the runs of characters that no function word interrupts."""
    start = 0
    for match in (*BETWEEN.finditer(clause.text), None):
        end = len(clause.text) if match is None else match.start()
        run = clause.text[start:end]
        for length in range(SHORTEST, min(len(run), LONGEST) + 1):
            yield Piece(run[:length], clause.start + start)
            yield Piece(run[-length:], clause.start + end - length)
        start = end if match is None else match.end()


def numerals(clause: Piece) -> Iterator[tuple[Piece, int]]:
    """The numbers that are written in characters, with their values."""
    for match in NUMERALS.finditer(clause.text):
        if match.group(2).strip("万亿"):
            value = _value(match.group(2))
            yield Piece(match.group(), clause.start + match.start()), -value if match.group(1) else value


def _value(numeral: str) -> int:
    """Digits side by side are those of one number, as in a year."""
    total = section = digit = 0
    for character in numeral:
        if character in SECTIONS:
            total = (total + section + digit) * SECTIONS[character]
            section = digit = 0
        elif character in UNITS:
            section += (digit or 1) * UNITS[character]
            digit = 0
        else:
            digit = 10 * digit + DIGITS[character]
    return total + section + digit
