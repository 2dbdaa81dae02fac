"""Values as text that is safe to show: a value must not move the cursor, recolour or reorder a terminal."""

from __future__ import annotations

import json
import unicodedata

from pydantic_core import to_jsonable_python

from planloom.planners.errors import RenderError
from planloom.planners.language.rendering import render_text

__all__ = ["inert", "inert_json", "shown", "to_plain"]

SAFE_CONTROLS = "\n\t"
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LONGEST_READ = 2000


def inert(text: str) -> str:
    """``text`` with its control and direction characters written as escapes; line ends and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text.replace("\r\n", "\n")))


def _visible(character: str) -> str:
    if character in SAFE_CONTROLS or not _controls(character):
        return character
    return character.encode("unicode_escape").decode("ascii")


def _controls(character: str) -> bool:
    return character in BIDI_CONTROLS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def shown(value: object, width: int = 72) -> str:
    """A value in one line of at most ``width`` characters, for progress and tables."""
    try:
        text = render_text(value[:LONGEST_READ] if isinstance(value, str) else value)
    except RenderError:
        text = f"<{type(value).__name__}>"
    line = inert(text[:LONGEST_READ]).replace("\n", "\\n").replace("\t", "\\t")
    return line if len(line) <= width else line[: width - 1] + "…"


def to_plain(value: object) -> object:
    """``value`` as what JSON can hold: bytes as base64, ``SecretStr`` masked, what is unknown as text."""
    try:
        return to_jsonable_python(value, fallback=_described, bytes_mode="base64", inf_nan_mode="strings")
    except ValueError:
        return _described(value)


def _described(value: object) -> str:
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    try:
        return render_text(value)
    except RenderError:
        return f"<{type(value).__name__}>"


def inert_json(value: object, indent: int | None = None) -> str:
    """``value`` as JSON; what could control a terminal is a ``\\uXXXX`` in it, and reads back the same."""
    text = json.dumps(to_plain(value), ensure_ascii=False, indent=indent)
    return "".join(
        f"\\u{ord(character):04x}" if character != "\n" and _controls(character) else character
        for character in text
    )
