"""Names of context variables: what they may look like, and when two of them are the same."""

from __future__ import annotations

import unicodedata
from typing import Final

from planloom.planners.language.characters import quoted

__all__ = ["INPUT", "INPUT_KEY", "is_variable", "name_end", "variable_fault", "variable_key"]

INPUT: Final = "INPUT"
"""The run's own input, which no step can set."""


def is_variable(name: str) -> bool:
    """Whether ``name`` is letters (of any script), digits and underscores, with no digit in front."""
    return name.isidentifier()


def name_end(text: str, start: int) -> int:
    """Where the longest name that starts at ``start`` ends; ``start`` itself if none does."""
    if not text[start : start + 1].isidentifier():
        return start
    at = start + 1
    while at < len(text) and ("_" + text[at]).isidentifier():
        at += 1
    return at


def variable_key(name: str) -> str:
    """What two spellings of one name have in common: names are compared without regard to case."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


INPUT_KEY: Final = variable_key(INPUT)


def variable_fault(name: str, settable: bool = True) -> tuple[str, str] | None:
    """What is wrong with a name that a plan sets, and a hint; None if it is right.

    Args:
        name: the name as written.
        settable: whether it names a variable, so that ``INPUT`` is refused.
    """
    if not is_variable(name):
        said = f"{quoted(name)} is not a name" if name else "the name is empty"
        return said, "a name is letters, digits and underscores, and does not start with a digit"
    if settable and variable_key(name) == INPUT_KEY:
        return f"{name} is always the run's own input and cannot be set", "choose another name"
    return None
