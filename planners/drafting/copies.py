"""The texts and numbers that a draft may take from a goal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from planloom.planners.choices.clauses import Piece
from planloom.planners.choices.han import numerals
from planloom.planners.literals import quoted

__all__ = ["Said", "copied", "copy_rules", "numbers_in", "said_in", "without_article"]

# A word or a number, a Chinese character, or any other single character.
UNIT = re.compile(r"[^\W\u3400-\u9fff]+|[^\w\s]|[\u3400-\u9fff]|_")
QUOTE = '"'
DIGITS = re.compile(
    r"(?P<sign>(?<![\w.,])[-\u2212])?(?P<digits>\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?P<rest>\.\d+)?"
    r"(?:\s?(?P<times>hundred|thousand|million|billion|[百万亿]|千(?![克米瓦卡赫])))?",
    re.IGNORECASE,
)
ONES = "zero one two three four five six seven eight nine"
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
WORDS = {
    **{word: value for value, word in enumerate(f"{ONES} {TEENS}".split())},
    **{word: 10 * value for value, word in enumerate(TENS.split(), 2)},
}
"""Number words are a closed class: this does not grow with use."""
TIMES = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
AFTER_DIGITS = {**TIMES, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
LETTERS = re.compile(r"[a-z]+|[^a-z\s-]")
ARTICLE = re.compile(r"(?:a|an|the)\s+(?=\S+(?:\s+\S+){0,1}$)")


@dataclass(frozen=True)
class Said:
    """What a goal says: ``copies`` are GBNF rules, of which ``copy`` is any text of it."""

    copies: Mapping[str, str]
    numbers: Sequence[str]


def said_in(goal: str) -> Said:
    """The texts and numbers of a goal."""
    return Said(copy_rules(goal), numbers_in(goal))


def copy_rules(goal: str) -> dict[str, str]:
    """The rule ``copy``, and those it needs: any run of units of the goal, with what stands between them.

    No copy crosses a double quote, which ends a literal in a draft. Empty if there is nothing to copy.
    """
    text = copied(goal)
    units = [match for match in UNIT.finditer(text) if match[0] != QUOTE]
    rules: dict[str, str] = {}
    for number, unit in enumerate(units):
        after = units[number + 1] if number + 1 < len(units) else None
        gap = text[unit.end() : after.start()] if after else QUOTE
        more = "" if QUOTE in gap else f" ({quoted(gap) + ' ' if gap else ''}copy-{number + 1})?"
        rules[f"copy-{number}"] = quoted(unit[0]) + more
    if rules:
        rules["copy"] = " | ".join(f"copy-{number}" for number in range(len(units)))
    return rules


def copied(goal: str) -> str:
    """The goal as a draft copies from it: on one line, as the model is shown it."""
    return " ".join(goal.split())


def numbers_in(goal: str) -> list[str]:
    """The numbers that a goal says, in digits or in words, English or Chinese; each once."""
    rest = DIGITS.sub(" ; ", goal)
    digits = map(_in_digits, DIGITS.finditer(goal))
    words = map(str, _in_words(rest.lower()))
    han = [str(value) for _, value in numerals(Piece(rest, 0))]
    return list(dict.fromkeys([*digits, *words, *han]))


def _in_digits(found: re.Match[str]) -> str:
    """A number without what separates its thousands, and with its sign; "3 million" is 3000000."""
    written = f"{'-' if found['sign'] else ''}{found['digits'].replace(',', '')}{found['rest'] or ''}"
    times = found["times"]
    return str((Decimal(written) * AFTER_DIGITS[times.lower()]).to_integral_value()) if times else written


def _in_words(text: str) -> Iterator[int]:
    """The numbers that words say: "twenty-five", "two hundred and five", "three thousand"."""
    total, part, room = 0, None, 0  # a number goes on with one that is less than ``room``
    for word in [*LETTERS.findall(text), ""]:
        if part is not None and not (
            word in TIMES or 0 < WORDS.get(word, 0) < room or (word == "and" and room >= 100)
        ):
            yield total + part
            total, part, room = 0, None, 0
        if word in WORDS:
            part, room = (part or 0) + WORDS[word], 10 if WORDS[word] >= 20 else 0
        elif TIMES.get(word, 0) >= 1000:
            total, part, room = total + (part or 1) * TIMES[word], 0, 1000
        elif word in TIMES:
            part, room = (part or 1) * TIMES[word], TIMES[word]


def without_article(text: str) -> str:
    """A name of one or two words without its article; a longer text, such as a message, as it is."""
    return ARTICLE.sub("", text, count=1) if ARTICLE.match(text) else text
