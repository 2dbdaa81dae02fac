"""GBNF rewritten as llguidance's Lark, token by token: one regular expression with named parts.

Every rule becomes a terminal, so the whole grammar is one lexeme and means what it means to llama.cpp.
Lark rules would not do: llguidance ends a lexeme where the longest match ends, and GBNF has no such notion.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

__all__ = ["lark_of"]

TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+|\#[^\n]*)
    | (?P<rule>[A-Za-z0-9_-]+)[ \t]*::=
    | (?P<name>[A-Za-z0-9_-]+)
    | (?P<literal>"(?:[^"\\]|\\.)*")
    | (?P<chars>\[(?:[^\]\\]|\\.)*\])
    | (?P<mark>[|()*+?.]|\{[ \t]*[0-9]+[ \t]*(?:,[ \t]*[0-9]*[ \t]*)?\})""",
    re.VERBOSE | re.DOTALL,
)
CHARACTER = re.compile(
    r"\\x(?P<x>[0-9A-Fa-f]{2})|\\u(?P<u>[0-9A-Fa-f]{4})|\\U(?P<U>[0-9A-Fa-f]{8})|\\(?P<escaped>.)|(?P<plain>.)",
    re.DOTALL,
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
ANYTHING = r"/[\u{0}-\u{10FFFF}]/"
NOTHING = '""'
OPENINGS, ENDINGS = ("", "|", "("), ("", "|", ")")


def lark_of(gbnf: str) -> str | None:
    """Lark text for GBNF that llama.cpp has accepted; None if it holds something that is not known here.

    A grammar whose rules refer to themselves gives Lark that llguidance refuses.
    """
    rules: list[tuple[str, list[str]]] = []
    at = 0
    while at < len(gbnf):
        found = TOKEN.match(gbnf, at)
        if found is None:
            return None
        at = found.end()
        if found.lastgroup == "rule":
            rules.append((_terminal(found["rule"]), []))
        elif found.lastgroup != "space":
            if not rules:
                return None
            rules[-1][1].append(_written(found))
    lines = [f"{name}: {' '.join(_filled(body))}" for name, body in rules]
    return "\n".join(["%llguidance {}", f"start: {_terminal('root')}", *lines]) + "\n"


def _terminal(name: str) -> str:
    """A terminal's name, which Lark wants in capitals; names stay different."""
    return "T" + "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in _plain(name))


def _plain(name: str) -> str:
    return name.replace("_", "__").replace("-", "_0")


def _written(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "name":
            return _terminal(found["name"])
        case "literal":
            return json.dumps("".join(map(chr, _codes(found["literal"][1:-1]))), ensure_ascii=False)
        case "chars":
            return _chars(found["chars"][1:-1])
        case _:
            return ANYTHING if found["mark"] == "." else found["mark"].replace(" ", "")


def _codes(text: str) -> Iterator[int]:
    """The characters that ``text`` spells."""
    for found in CHARACTER.finditer(text):
        kind = found.lastgroup or ""
        if kind in ("x", "u", "U"):
            yield int(found[kind], 16)
        else:
            yield ord(ESCAPES.get(found[kind], found[kind]) if kind == "escaped" else found[kind])


def _chars(inner: str) -> str:
    """A class of characters as a regular expression; every character is written as a number."""
    negated = inner.startswith("^")
    spelled = CHARACTER.findall(inner[negated:])
    dashes = [not any(escape) and plain == "-" for *escape, plain in spelled]
    codes = list(_codes(inner[negated:]))
    inside = range(1, len(codes) - 1)
    parts = (
        "-" if dash and place in inside else f"\\u{{{code:X}}}"
        for place, (code, dash) in enumerate(zip(codes, dashes, strict=True))
    )
    return f"/[{'^' * negated}{''.join(parts)}]/"


def _filled(body: Iterable[str]) -> Iterator[str]:
    """The body with empty alternatives written out, as Lark wants them."""
    for token, following in pairwise(["", *body, ""]):
        if token:
            yield token
        if token in OPENINGS and following in ENDINGS:
            yield NOTHING
