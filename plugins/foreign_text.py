"""Text that a stranger wrote: made harmless to show, and pinned by a hash of all of it."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Any

__all__ = ["escaped", "fingerprint", "one_line"]

LONGEST = 500
# Cc control, Cf format (bidirectional overrides, zero-width), Cs surrogates, Co private, Zl and Zp line ends.
UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def one_line(text: object, limit: int = LONGEST) -> str:
    """A description as one line of visible characters, at most ``limit`` long; empty for what is not text.

    A line end in a description could begin what looks like another function, or the end of the list.
    """
    if not isinstance(text, str):
        return ""
    # Four times the limit is read, so that a description of many megabytes costs nothing.
    words = "".join(" " if _unshown(mark) else mark for mark in text[: 4 * limit]).split()
    line = " ".join(words)
    return line if len(line) <= limit and len(text) <= 4 * limit else f"{line[: limit - 1]}…"


def escaped(text: str) -> str:
    """All of a text, for a person to judge: what cannot be seen is written as an escape."""
    return "".join(ascii(mark)[1:-1] if _unshown(mark) and mark != "\n" else mark for mark in text)


def _unshown(mark: str) -> bool:
    return unicodedata.category(mark) in UNSHOWN


def fingerprint(value: Any) -> str:
    """The SHA-256 of a JSON value: the same for the same value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
