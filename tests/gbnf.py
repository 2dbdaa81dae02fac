"""A small reader and random walker of GBNF, for tests of generated grammars."""

from __future__ import annotations

import random
from dataclasses import dataclass

Ref = str


@dataclass(frozen=True)
class Chars:
    """A character class."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Repeat:
    """``x*``, ``x?`` or ``x{m,n}``."""

    item: object
    low: int
    high: int


@dataclass(frozen=True)
class Literal:
    text: str


Sequence = tuple[object, ...]
Alternatives = tuple[Sequence, ...]


class Grammar:
    """GBNF text as rules; raises ``ValueError`` where it is not GBNF or names no rule."""

    def __init__(self, text: str) -> None:
        self.rules: dict[str, Alternatives] = {}
        for line in text.splitlines():
            name, _, body = line.partition(" ::= ")
            self.rules[name] = _Reader(body).alternatives()
        for name, rule in self.rules.items():
            for used in _names(rule):
                if used not in self.rules:
                    raise ValueError(f"{name} refers to {used}, which is not a rule")

    def sample(self, chance: random.Random) -> str:
        """A random sentence."""
        return "".join(self._walk(self.rules["root"], chance))

    def _walk(self, item: object, chance: random.Random) -> list[str]:
        if isinstance(item, Literal):
            return [item.text]
        if isinstance(item, Chars):
            low, high = chance.choice(item.ranges)
            return [chr(chance.randint(low, high))]
        if isinstance(item, Repeat):
            count = chance.randint(item.low, min(item.high, item.low + 4))
            return [text for _ in range(count) for text in self._walk(item.item, chance)]
        if isinstance(item, str):
            return self._walk(self.rules[item], chance)
        assert isinstance(item, tuple)
        chosen = chance.choice(item)
        return [text for part in chosen for text in self._walk(part, chance)]


def _names(rule: object) -> list[str]:
    if isinstance(rule, str):
        return [rule]
    if isinstance(rule, Repeat):
        return _names(rule.item)
    return [name for part in rule for name in _names(part)] if isinstance(rule, tuple) else []


ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
REPEATS = {"*": (0, 99), "+": (1, 99), "?": (0, 1)}
WIDTHS = {"x": 2, "u": 4, "U": 8}


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def alternatives(self) -> Alternatives:
        found = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            found.append(self.sequence())
        return tuple(found)

    def sequence(self) -> Sequence:
        parts: list[object] = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated(self.item()))
        return tuple(parts)

    def item(self) -> object:
        if self.peek() == "(":
            self.at += 1
            inner = self.alternatives()
            self.take(")")
            return inner
        if self.peek() == '"':
            return self.literal()
        return self.chars() if self.peek() == "[" else self.name()

    def repeated(self, item: object) -> object:
        mark = self.text[self.at : self.at + 1]
        if mark in REPEATS:
            self.at += 1
            return Repeat(item, *REPEATS[mark])
        if mark == "{":
            end = self.text.index("}", self.at)
            low, high = self.text[self.at + 1 : end].split(",")
            self.at = end + 1
            return Repeat(item, int(low), int(high))
        return item

    def literal(self) -> Literal:
        self.take('"')
        characters: list[str] = []
        while self.text[self.at] != '"':
            characters.append(self.character())
        self.at += 1
        return Literal("".join(characters))

    def chars(self) -> Chars:
        self.take("[")
        ranges: list[tuple[int, int]] = []
        while self.text[self.at] != "]":
            low = high = ord(self.character())
            if self.text[self.at] == "-" and self.text[self.at + 1] != "]":
                self.at += 1
                high = ord(self.character())
            ranges.append((low, high))
        self.at += 1
        return Chars(tuple(ranges))

    def character(self) -> str:
        letter = self.text[self.at]
        self.at += 1
        if letter != "\\":
            return letter
        kind = self.text[self.at]
        self.at += 1
        if kind in WIDTHS:
            digits = self.text[self.at : self.at + WIDTHS[kind]]
            self.at += WIDTHS[kind]
            return chr(int(digits, 16))
        return ESCAPES.get(kind, kind)

    def name(self) -> str:
        start = self.at
        while self.at < len(self.text) and (self.text[self.at].isalnum() or self.text[self.at] == "-"):
            self.at += 1
        if start == self.at:
            raise ValueError(f"at {start} of {self.text!r}")
        return self.text[start : self.at]

    def peek(self) -> str:
        while self.text[self.at : self.at + 1] == " ":
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise ValueError(f"{wanted} expected at {self.at} of {self.text!r}")
        self.at += 1
