"""Names that plans can write, from names that strangers chose."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Mapping

from planloom.signature import RESERVED

__all__ = ["distinct_names", "identifier"]

LONGEST = 64


def identifier(text: str, fallback: str = "item") -> str:
    """``text`` as an ASCII identifier: accents dropped, every other character an underscore.

    ``get-user`` is ``get_user``, ``2fa`` is ``item_2fa``, ``after`` is ``after_``; a name longer than 64
    characters is cut and ends in a part of its hash.
    """
    plain = unicodedata.normalize("NFKD", text[: 4 * LONGEST]).encode("ascii", "ignore").decode()
    name = "_".join(part for part in _spaced(plain).split() if part)
    if not name:
        name = f"{fallback}_{_digest(text)}"
    if name[0].isdigit():
        name = f"{fallback}_{name}"
    if len(name) > LONGEST or len(text) > 4 * LONGEST:
        name = f"{name[: LONGEST - 9]}_{_digest(text)}"
    return f"{name}_" if name.lower() in RESERVED else name


def distinct_names(wanted: Mapping[str, str], fallback: str = "item") -> dict[str, str]:
    """A name for each identity, from the name that it would like.

    Where two would like one name (case aside), each of them gets a part of its identity's hash, the first one
    too: a newcomer may make a name unknown, but a name never comes to mean something else.
    """
    names = {identity: identifier(name, fallback) for identity, name in wanted.items()}
    while clashing := _clashing(names):
        names |= {i: f"{names[i][: LONGEST - 9]}_{_digest(i)}" for i in clashing}
    return names


def _clashing(names: Mapping[str, str]) -> list[str]:
    counts = Counter(name.lower() for name in names.values())
    return [identity for identity, name in names.items() if counts[name.lower()] > 1]


def _spaced(text: str) -> str:
    return "".join(mark if mark.isalnum() else " " for mark in text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
