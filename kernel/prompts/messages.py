"""Rendered prompts as chat messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, cast

from planloom.errors import TemplateError
from planloom.prompts.escaping import unescape
from planloom.services.protocol import ChatMessage, Role

__all__ = ["parse_messages"]

ROLES = ("system", "user", "assistant")
_OPEN, _CLOSE = "<message", "</message>"
_LONGEST_TAG = 200
_ROLE = re.compile(r"""\s+role\s*=\s*(?:"([^"]*)"|'([^']*)')\s*""")


class _Tag(NamedTuple):
    role: Role
    start: int
    end: int


def parse_messages(rendered: str) -> tuple[ChatMessage, ...]:
    """The messages of a rendered prompt; at least one.

    ``<message role="system|user|assistant">…</message>`` is a message; text outside of them is a user's
    message. A ``<message>`` without a role is just text. Blanks around each message are dropped, and then
    what was escaped in a value is unescaped, so the value arrives as it was. A message made of ``<text>``
    elements only is their texts, one a line.

    Raises:
        TemplateError: a message is not closed or holds another, its role is unknown, or it has an image.
    """
    return tuple(_messages(rendered)) or (ChatMessage("user", ""),)


def _messages(rendered: str) -> Iterator[ChatMessage]:
    done = 0
    while (tag := _next_tag(rendered, done)) is not None:
        yield from _outside(rendered[done : tag.start])
        close = rendered.find(_CLOSE, tag.end)
        inner = rendered[tag.end : close]
        if close < 0 or _next_tag(inner, 0) is not None:
            line = rendered.count("\n", 0, tag.start) + 1
            raise TemplateError(f"Line {line}: this <message> has no </message> of its own.", rendered)
        yield ChatMessage(tag.role, _content(inner.strip()))
        done = close + len(_CLOSE)
    yield from _outside(rendered[done:])


def _outside(markup: str) -> Iterator[ChatMessage]:
    if text := markup.strip():
        yield ChatMessage("user", unescape(text))


def _next_tag(rendered: str, position: int) -> _Tag | None:
    while (start := rendered.find(_OPEN, position)) >= 0:
        end = rendered.find(">", start, start + _LONGEST_TAG)
        attributes = rendered[start + len(_OPEN) : end] if end >= 0 else ""
        if attributes[:1].isspace() and attributes.lstrip().startswith("role"):
            return _Tag(_role(attributes, rendered), start, end + 1)
        position = start + len(_OPEN)
    return None


def _role(attributes: str, rendered: str) -> Role:
    found = _ROLE.fullmatch(attributes)
    role = (found[1] or found[2] or "").lower() if found else ""
    if role in ROLES:
        return cast("Role", role)
    raise TemplateError(
        f'<message{attributes}> is not a message: write <message role="…"> with one of {", ".join(ROLES)}.',
        rendered,
    )


def _content(markup: str) -> str:
    texts = _texts(markup)
    return unescape(markup) if texts is None else "\n".join(map(unescape, texts))


def _texts(markup: str) -> list[str] | None:
    """The insides of the ``<text>`` elements of a message that is made of nothing else; else None."""
    texts: list[str] = []
    position = 0
    while position < len(markup):
        if markup.startswith(("<image>", "<image "), position):
            raise TemplateError(
                "A <message> with an <image> is not supported: models here read text.", markup
            )
        close = markup.find("</text>", position)
        if close < 0 or not markup.startswith("<text>", position):
            return None
        texts.append(markup[position + len("<text>") : close].strip())
        position = close + len("</text>")
        while position < len(markup) and markup[position].isspace():
            position += 1
    return texts or None
