"""Names of skills, functions, parameters and variables."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from planloom.errors import InvalidNameError

__all__ = ["check_name", "nearest"]


def check_name(name: str, what: str) -> str:
    """``name`` itself, if it is letters, digits and underscores and does not start with a digit.

    Raises:
        InvalidNameError: it is something else.
    """
    if isinstance(name, str) and name.isascii() and name.isidentifier() and len(name) <= 128:
        return name
    raise InvalidNameError(
        f"{name!r} cannot be the name of a {what}: use letters, digits and underscores, "
        "not starting with a digit, 128 at most.",
        name,
    )


def nearest(name: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The known names most like ``name``, best first; only for messages, never for a choice."""
    folded = {candidate.lower(): candidate for candidate in known}
    short = {key.rpartition(".")[2]: key for key in folded}
    wanted = name.lower()
    close = get_close_matches(wanted, folded, count, 0.6)
    close += [short[key] for key in get_close_matches(wanted.rpartition(".")[2], short, count, 0.75)]
    return tuple(folded[key] for key in dict.fromkeys(close))[:count]
