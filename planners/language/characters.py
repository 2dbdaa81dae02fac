"""Characters: which of them XML allows, and how text is shown in a message."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["illegal_characters", "is_legal", "quoted", "visible"]

ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def is_legal(code: int) -> bool:
    """Whether XML 1.0 allows the character with this code point."""
    return 0 <= code <= 0x10FFFF and ILLEGAL.match(chr(code)) is None


def illegal_characters(text: str, start: int = 0, end: int | None = None) -> Iterator[int]:
    """The offsets of the characters that XML 1.0 forbids: most control characters, and lone surrogates."""
    return (found.start() for found in ILLEGAL.finditer(text, start, len(text) if end is None else end))


def visible(character: str) -> str:
    """The character as a terminal can show it: tabs widened, everything unprintable written as an escape."""
    if character == "\t":
        return "    "
    return character if character.isprintable() else ascii(character)[1:-1]


def quoted(text: str, width: int = 60) -> str:
    """``text`` in quotes for a message, cut at ``width`` characters, with nothing unprintable in it."""
    return repr(text if len(text) <= width else text[: width - 1] + "…")
