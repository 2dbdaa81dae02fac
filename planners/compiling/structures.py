"""JSON arguments with references inside: ``["$A.id", 2]``.

The JSON is read first and the values are put in afterwards, so that no value can change its shape.
"""

from __future__ import annotations

import json
from typing import Any

from planloom.planners.compiling.program import Getter
from planloom.planners.language.references import render_text

__all__ = ["structure"]

OPEN, CLOSE = "\ue000", "\ue001"  # private-use characters: they mark where a reference stood


def structure(parts: tuple[str | Getter, ...]) -> Getter:
    """A getter of the list or object that the parts spell.

    A text in it that is exactly one reference becomes the object itself; in longer text values are written in
    place. Raises ``ValueError`` when the parts are not JSON.
    """
    getters = [part for part in parts if not isinstance(part, str)]
    return _filled(json.loads(_marked(parts)), getters)


def _marked(parts: tuple[str | Getter, ...]) -> str:
    """The JSON text with a mark in place of each reference; a bare reference counts as quoted."""
    found: list[str] = []
    quoted, number = False, 0
    for part in parts:
        if isinstance(part, str):
            if OPEN in part or CLOSE in part:
                raise ValueError("the text holds private-use characters")
            quoted = _quoted_after(part, quoted)
            found.append(part)
        else:
            mark = f"{OPEN}{number}{CLOSE}"
            found.append(mark if quoted else f'"{mark}"')
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


def _filled(value: Any, getters: list[Getter]) -> Getter:
    if isinstance(value, list):
        items = [_filled(item, getters) for item in value]
        return lambda scope: [item(scope) for item in items]
    if isinstance(value, dict):
        if any(OPEN in key for key in value):
            raise ValueError("a reference cannot be a key")
        fields = {key: _filled(item, getters) for key, item in value.items()}
        return lambda scope: {key: item(scope) for key, item in fields.items()}
    if isinstance(value, str) and OPEN in value:
        return _text(value, getters)
    return lambda scope: value


def _text(value: str, getters: list[Getter]) -> Getter:
    pieces: list[str | Getter] = []
    for piece in value.split(OPEN):
        number, mark, rest = piece.partition(CLOSE)
        if mark:
            pieces.append(getters[int(number)])
            piece = rest
        if piece:
            pieces.append(piece)
    if len(pieces) == 1 and not isinstance(pieces[0], str):
        return pieces[0]
    return lambda scope: "".join(p if isinstance(p, str) else render_text(p(scope)) for p in pieces)
