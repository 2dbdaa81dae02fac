"""JSON arguments with references inside: ``["$A.id", 2]``.

The JSON is read first and the values are put in afterwards, so that no value can change its shape.
"""

from __future__ import annotations

import json
from typing import Any

from planloom.planners.compiling.program import Getter
from planloom.planners.language.references import render_text

__all__ = ["structure"]

PRIVATE = range(0xE000, 0xF900)
"""Characters without a meaning: one that a text does not hold marks where its references stood."""
DEEPEST = 100
"""Lists and objects inside each other: reading ten times as many would overflow the stack."""


def structure(parts: tuple[str | Getter, ...]) -> Getter:
    """A getter of the list or object that the parts spell.

    A text in it that is exactly one reference becomes the object itself; in longer text values are written in
    place. Raises ``ValueError`` when the parts are not JSON, or nested too deep.
    """
    mark = _unused("".join(part for part in parts if isinstance(part, str)))
    getters = [part for part in parts if not isinstance(part, str)]
    try:
        value = json.loads(_marked(parts, mark))
    except RecursionError:
        raise _too_deep() from None
    return _Filling(mark, getters).filled(value)


def _unused(text: str) -> str:
    """A character that is not in the text, and that no JSON escape in it stands for."""
    lower = text.lower()
    for code in PRIVATE:
        if chr(code) not in text and f"\\u{code:04x}" not in lower:
            return chr(code)
    raise ValueError("the text holds every private-use character")


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {DEEPEST} levels deep")


def _marked(parts: tuple[str | Getter, ...], mark: str) -> str:
    """The JSON text with a number between marks for each reference; a bare reference counts as quoted."""
    found: list[str] = []
    quoted, number = False, 0
    for part in parts:
        if isinstance(part, str):
            quoted = _quoted_after(part, quoted)
            found.append(part)
        else:
            place = f"{mark}{number}{mark}"
            found.append(place if quoted else f'"{place}"')
            number += 1
    return "".join(found)


def _quoted_after(text: str, quoted: bool) -> bool:
    """Whether a JSON string is open after ``text``."""
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\" and quoted:
            escaped = True
        elif character == '"':
            quoted = not quoted
    return quoted


class _Filling:
    """Puts references back in where the marks stand."""

    def __init__(self, mark: str, getters: list[Getter]) -> None:
        self.mark, self.getters = mark, getters

    def filled(self, value: Any, depth: int = 0) -> Getter:
        if depth > DEEPEST:
            raise _too_deep()
        if isinstance(value, list):
            items = [self.filled(item, depth + 1) for item in value]
            return lambda scope: [item(scope) for item in items]
        if isinstance(value, dict):
            if any(self.mark in key for key in value):
                raise ValueError("a reference cannot be a key")
            fields = {key: self.filled(item, depth + 1) for key, item in value.items()}
            return lambda scope: {key: item(scope) for key, item in fields.items()}
        if isinstance(value, str) and self.mark in value:
            return self._text(value)
        return lambda scope: value

    def _text(self, value: str) -> Getter:
        pieces: list[str | Getter] = []
        for at, piece in enumerate(value.split(self.mark)):
            if at % 2:
                pieces.append(self.getters[int(piece)])
            elif piece:
                pieces.append(piece)
        if len(pieces) == 1 and not isinstance(pieces[0], str):
            return pieces[0]
        return lambda scope: "".join(p if isinstance(p, str) else render_text(p(scope)) for p in pieces)
