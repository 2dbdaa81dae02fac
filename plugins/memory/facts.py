"""Metadata and filters in a form that every vector database can take.

Databases differ in what ``not``, a missing field, and a number compared with a text mean. So a record is
stored with *facts*, its metadata under names that tell the type (``text_lang``, ``number_year``), and a
filter becomes comparisons of facts, joined by and and or alone, with no ``not`` left in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from planloom.plugins.memory.filters import (
    AllOf,
    AnyOf,
    Compare,
    Contains,
    Exists,
    Filter,
    Not,
    OneOf,
    Operator,
    kind_of,
)
from planloom.plugins.memory.record import Metadata, Scalar

__all__ = [
    "FIELDS",
    "NO_FIELD",
    "Absent",
    "All",
    "Any",
    "Condition",
    "Fact",
    "Holds",
    "Lacks",
    "Test",
    "condition",
    "facts_of",
]

FIELDS = "fields"
NO_FIELD = ""  # no field is called so; some databases cannot tell an empty list from none
INVERSE: dict[Operator, Operator] = {
    "eq": "ne",
    "ne": "eq",
    "lt": "gte",
    "gte": "lt",
    "gt": "lte",
    "lte": "gt",
}
Fact = str | float | list[str]


@dataclass(frozen=True, slots=True)
class Test:
    """There is such a fact, and it compares so with a text or a number."""

    fact: str
    operator: Operator
    value: str | float


@dataclass(frozen=True, slots=True)
class Holds:
    """There is such a list, and the text is in it."""

    fact: str
    value: str


@dataclass(frozen=True, slots=True)
class Lacks:
    """There is such a list, and the text is not in it."""

    fact: str
    value: str


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no such fact."""

    fact: str


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part holds."""

    parts: tuple[Condition, ...]


Condition = Test | Holds | Lacks | Absent | All | Any


def facts_of(metadata: Metadata) -> dict[str, Fact]:
    """The facts of a record: one for each field, and the list of its fields."""
    facts: dict[str, Fact] = {FIELDS: [NO_FIELD, *sorted(metadata)]}
    for name, value in metadata.items():
        if isinstance(value, str | int | float):
            facts[_fact(name, value)] = _plain(value)
        else:
            facts[f"list_{_safe(name)}"] = [_item(item) for item in value]
    return facts


def condition(wanted: Filter, holds: bool = True) -> Condition:
    """What facts must be like for the filter to hold, or not to hold."""
    match wanted:
        case Compare(name, sign, value):
            fact = _fact(name, value)
            if holds:
                return Test(fact, sign, _plain(value))
            return Any((Absent(fact), Test(fact, INVERSE[sign], _plain(value))))
        case OneOf(name, values):
            return condition(AnyOf(tuple(Compare(name, "eq", value) for value in values)), holds)
        case Contains(name, value):
            fact, item = f"list_{_safe(name)}", _item(value)
            return Holds(fact, item) if holds else Any((Absent(fact), Lacks(fact, item)))
        case Exists(name):
            return Holds(FIELDS, name) if holds else Lacks(FIELDS, name)
        case Not(part):
            return condition(part, not holds)
        case AllOf(parts):
            found = tuple(condition(part, holds) for part in parts)
            return All(found) if holds else Any(found)
        case AnyOf(parts):
            found = tuple(condition(part, holds) for part in parts)
            return Any(found) if holds else All(found)


def _fact(name: str, value: Scalar) -> str:
    return f"{kind_of(value)}_{_safe(name)}"


def _plain(value: Scalar) -> str | float:
    """Truth values as text: some databases hold them for numbers, and their names sort alike."""
    return str(value).lower() if isinstance(value, bool) else value


def _item(value: Scalar) -> str:
    """One text for a value of any type; equal numbers have equal texts."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{kind_of(value)}:{float(value) if number else _plain(value)}"


def _safe(name: str) -> str:
    """A name of letters, digits and underscores, for databases that take no others."""
    if name.isascii() and name.isidentifier() and not name.startswith("_"):
        return name
    return f"_{name.encode().hex()}"
