"""Diagnostics as text, the way a compiler prints them; the same text goes back to a model."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from planloom.planners.language.characters import visible
from planloom.planners.language.diagnostic import Diagnostic

__all__ = ["format_diagnostics"]

BEFORE, WIDTH = 60, 100
"""Characters of a long line that are shown before the column, and in all."""


def format_diagnostics(diagnostics: Iterable[Diagnostic], text: str = "", name: str = "plan") -> str:
    """Each diagnostic with its line of ``text``, a caret and its hint; ``name`` stands before the line."""
    lines = text.split("\n") if text else []
    return "\n".join(_format(diagnostic, lines, name) for diagnostic in diagnostics)


def _format(diagnostic: Diagnostic, lines: Sequence[str], name: str) -> str:
    where = f"{name}:{diagnostic.line}:{diagnostic.column}"
    said = [f"{where}: {diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"]
    if 0 < diagnostic.line <= len(lines):
        said += _excerpt(lines[diagnostic.line - 1].removesuffix("\r"), diagnostic.column - 1)
    if diagnostic.hint:
        said.append(f"  hint: {diagnostic.hint}")
    return "\n".join(said)


def _excerpt(line: str, at: int) -> tuple[str, str]:
    start = max(0, at - BEFORE) if len(line) > WIDTH else 0
    before = ("…" if start else "") + "".join(map(visible, line[start:at]))
    after = "".join(map(visible, line[at : start + WIDTH])) + ("…" if start + WIDTH < len(line) else "")
    return f"    {before}{after}".rstrip(), "    " + " " * _columns(before) + "^"


def _columns(text: str) -> int:
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
