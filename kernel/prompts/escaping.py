"""Values in prompts: as text, escaped into a rendered prompt, and back to what they were.

A rendered prompt is markup: ``<message role="…">`` opens a message and ``&lt;`` stands for ``<``. Values are
escaped when they are put in and unescaped, once, when the prompt is split into messages. So a value can
neither open a message nor arrive changed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

from planloom.errors import TemplateError

__all__ = ["escape", "json_of", "text_of", "unescape"]

_BLANKS = {f"&#{code};": chr(code) for code in range(0x3001) if chr(code).isspace()}
_ENTITIES = {
    "&amp;": "&",
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&#34;": '"',
    "&apos;": "'",
    "&#39;": "'",
    "&#x27;": "'",
} | _BLANKS
# Not html.unescape: that turns the "&copy" of "?a=1&copy=2" into a sign.
_ENTITY = re.compile("|".join(map(re.escape, _ENTITIES)))


def escape(text: str) -> str:
    """``text`` with no character that means something in a rendered prompt.

    A blank at either end is escaped too: then the blanks that a template has around its messages can be
    dropped without touching a value.
    """
    if not text:
        return ""
    escaped = html.escape(text, quote=True)
    last = _blank_entity(escaped[-1]) if len(escaped) > 1 else ""
    return _blank_entity(escaped[0]) + escaped[1:-1] + last


def _blank_entity(character: str) -> str:
    return f"&#{ord(character)};" if character.isspace() else character


def unescape(markup: str) -> str:
    """What ``markup`` says: the inverse of `escape`, in one pass. Any other ``&`` stays as it is."""
    return _ENTITY.sub(lambda found: _ENTITIES[found[0]], markup)


def text_of(value: Any) -> str:
    """``value`` as a prompt shows it: text as it is, None as nothing, objects as JSON, the rest by ``str``.

    Raises:
        TemplateError: an object that JSON cannot hold, such as one that contains itself.
    """
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, Enum):
        return text_of(value.value)
    if isinstance(value, str):
        return str.__str__(value)
    return json_of(value) if _is_structure(value) else str(value)


def _is_structure(value: object) -> bool:
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return True
    return (is_dataclass(value) and not isinstance(value, type)) or hasattr(type(value), "model_fields")


def json_of(value: Any, indent: int | None = None) -> str:
    """``value`` as JSON, non-ASCII letters as they are; ``indent`` in spaces, None for one line.

    Raises:
        TemplateError: JSON cannot hold it.
    """
    from pydantic_core import PydanticSerializationError, to_json

    try:
        text = to_json(value, indent=indent, inf_nan_mode="constants", fallback=str)
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        kind = type(value).__name__
        raise TemplateError(f"A value of type {kind} cannot be put into a prompt as JSON: {error}") from error
    return text.decode()
