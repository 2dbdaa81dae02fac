"""Entities and character references in a stretch of text, and the bare ``&`` that models write."""

from __future__ import annotations

import re
from collections.abc import Callable

from planloom.planners.language.characters import is_legal, quoted
from planloom.planners.language.findings import Findings

__all__ = ["decode_attribute", "decode_text", "unix_line_ends"]

ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
NAMED = re.compile(r"&(#?\w{1,32});")
LINE_ENDS_AND_TABS = str.maketrans("\n\r\t", "   ")


def decode_text(raw: str, offset: int, findings: Findings) -> str:
    """The text of an element that stands at ``offset``: entities decoded, line ends written ``\\n``.

    A bare ``&`` or ``<`` is kept and gives a warning.
    """
    return _decode(raw, offset, findings, unix_line_ends)


def decode_attribute(raw: str, offset: int, findings: Findings) -> str:
    """The value of an attribute: as for text, and raw line ends and tabs become spaces, as XML has it."""
    return _decode(raw, offset, findings, _one_line)


def unix_line_ends(raw: str) -> str:
    """``raw`` with every line end written as ``\n``, as XML has it."""
    return raw.replace("\r\n", "\n").replace("\r", "\n")


def _one_line(raw: str) -> str:
    return raw.replace("\r\n", "\n").translate(LINE_ENDS_AND_TABS)


def _decode(raw: str, offset: int, findings: Findings, normal: Callable[[str], str]) -> str:
    """References decoded, and what is between them made ``normal``."""
    less = raw.find("<")
    if less >= 0:
        findings.warning("xml-syntax", "a bare '<' was kept", offset + less, "write &lt;")
    pieces: list[str] = []
    done, bare, at = 0, -1, raw.find("&")
    while at >= 0:
        found = NAMED.match(raw, at)
        if found:
            pieces += normal(raw[done:at]), _meaning(found[1], offset + at, findings)
            done = found.end()
        elif bare < 0:
            bare = at
        at = raw.find("&", found.end() if found else at + 1)
    if bare >= 0:
        findings.warning("xml-syntax", "a bare '&' was kept", offset + bare, "write &amp;")
    pieces.append(normal(raw[done:]))
    return "".join(pieces)


def _meaning(name: str, offset: int, findings: Findings) -> str:
    if name.startswith("#"):
        return _character(name, offset, findings)
    if name in ENTITIES:
        return ENTITIES[name]
    hint = "there are &amp; &lt; &gt; &quot; &apos; and numbers such as &#10;; a plain & is &amp;"
    findings.broken("forbidden-xml", f"the entity {quoted(f'&{name};')} is not allowed", offset, hint)
    return ""


def _character(name: str, offset: int, findings: Findings) -> str:
    hexadecimal = name.startswith("#x")
    code = _number(name[2:], 16) if hexadecimal else _number(name[1:], 10)
    if code is not None and is_legal(code):
        return chr(code)
    findings.broken("xml-syntax", f"{quoted(f'&{name};')} is no character that XML allows", offset)
    return ""


def _number(digits: str, base: int) -> int | None:
    allowed = "0123456789abcdef"[:base]
    if not digits or any(digit not in allowed for digit in digits.lower()):
        return None
    return int(digits, base)
