"""Coarse kinds of values: which results may be passed to which parameters, as far as their types tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, get_origin, is_typeddict

from planloom.planners.catalogue import alternatives
from planloom.planners.language.annotations import field_types

__all__ = ["KINDS", "Kind", "fits", "is_record", "kind_of", "produced", "record_fields", "taken"]

Kind = Literal["TEXT", "NUMBER", "LIST", "OBJECT", ""]
KINDS: tuple[Kind, ...] = ("TEXT", "NUMBER", "LIST", "OBJECT")
TAKES: dict[Kind, frozenset[Kind]] = {
    "TEXT": frozenset({"TEXT", "NUMBER"}),
    "NUMBER": frozenset({"TEXT", "NUMBER"}),
    "LIST": frozenset({"TEXT", "LIST"}),
    "OBJECT": frozenset({"TEXT", "OBJECT"}),
    "": frozenset(KINDS),
}
"""Of which kinds a variable may be that is passed to a parameter of this kind; "" is any other type."""


def produced(annotation: Any) -> Kind:
    """The kind of variable that a result of this type becomes; "" for none, so that nothing refers to it."""
    kinds = {kind_of(part) for part in alternatives(annotation)}
    if "TEXT" in kinds:
        return "TEXT"
    if kinds in ({"LIST", ""}, {"OBJECT", ""}):
        kinds.discard("")
    return next(iter(kinds)) if len(kinds) == 1 else ""


def taken(annotation: Any) -> frozenset[Kind]:
    """The kinds of variables that a parameter of this type takes."""
    parts = [part for part in alternatives(annotation) if part is not type(None)]
    return frozenset(kind for part in parts for kind in TAKES[kind_of(part) if _is_known(part) else ""])


def _is_known(part: Any) -> bool:
    return (get_origin(part) or part) in (str, int, float, bool, list, dict)


def kind_of(part: Any) -> Kind:
    """TEXT is also what fits everywhere, since text may be JSON."""
    plain = get_origin(part) or part
    if plain is type(None):
        return ""
    if plain in (int, float, bool):
        return "NUMBER"
    if plain is list:
        return "LIST"
    return "OBJECT" if plain is dict else "TEXT"


def fits(returned: Any, wanted: Any) -> bool:
    """Whether a result of one type may be passed to a parameter of the other."""
    return produced(returned) in taken(wanted)


def is_record(returned: Any) -> bool:
    """Whether a result of this type has named parts."""
    return bool(record_fields(returned))


def record_fields(returned: Any) -> Mapping[str, Any]:
    """The fields of a record type that a plan can refer to by name, and their types, in order."""
    return {name: kind for name, kind in _fields(returned).items() if name.isidentifier() and name[0] != "_"}


def _fields(returned: Any) -> Mapping[str, Any]:
    for part in alternatives(returned):
        if not isinstance(part, type):
            continue
        if is_dataclass(part):
            hints = field_types(part, extras=False)
            return {field.name: hints.get(field.name, Any) for field in fields(part)}
        if is_typeddict(part):
            return field_types(part, extras=False)
        if hasattr(part, "model_fields"):
            return {name: field.annotation for name, field in part.model_fields.items()}
    return {}
