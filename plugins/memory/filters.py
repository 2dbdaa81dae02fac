"""Metadata filters: data that says which records are wanted. Nothing in a filter is ever run.

As plain data, the form that plans and JSON use::

    {"lang": "zh"}                                   equal
    {"year": {"gte": 2020, "lt": 2024}}              eq ne lt lte gt gte, all of them together
    {"lang": ["zh", "en"]}                           one of these, also {"in": [...]}
    {"tags": {"contains": "blue"}}                   a list that holds it
    {"year": {"exists": true}}                       has the field
    {"or": [{...}, {...}]}  {"and": [...]}  {"not": {...}}

Numbers compare with numbers, text with text, truth values with truth values; whatever else is no match, and
so is a record without the field, for ``ne`` too.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from planloom.plugins.memory.errors import FilterError
from planloom.plugins.memory.record import LARGEST_INTEGER, Metadata, Scalar, check_field_name

__all__ = [
    "AllOf",
    "AnyOf",
    "Compare",
    "Contains",
    "Exists",
    "Filter",
    "Not",
    "OneOf",
    "Operator",
    "fields_of",
    "filter_from",
    "kind_of",
    "matches",
]

Operator = Literal["eq", "ne", "lt", "lte", "gt", "gte"]
Kind = Literal["text", "number", "truth"]

OPERATORS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
DEEPEST = 16
LONGEST_LIST = 1000
MOST_VALUES = 5000
"""Of a whole filter: databases take statements of some length only."""


@dataclass(frozen=True, slots=True)
class Compare:
    """The field compares so with the value."""

    field: str
    operator: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field equals one of the values."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """The field is a list that holds the value."""

    field: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Exists:
    """The record has the field."""

    field: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds; with no parts, true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds; with no parts, false."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Filter


Filter = Compare | OneOf | Contains | Exists | AllOf | AnyOf | Not


def filter_from(given: Filter | Mapping[str, Any] | None) -> Filter | None:
    """The filter that plain data write; a filter is itself, and None or an empty mapping is none.

    Raises:
        FilterError: the data are not a filter.
    """
    if given is None or isinstance(given, Filter):
        return given
    if not given:
        return None
    wanted = _read(given, 0)
    if _weight(wanted) > MOST_VALUES:
        raise FilterError(f"it compares with more than {MOST_VALUES} values.", given)
    return wanted


def _weight(wanted: Filter) -> int:
    """How many values a filter compares with."""
    match wanted:
        case AllOf(parts) | AnyOf(parts):
            return sum(map(_weight, parts))
        case Not(part):
            return _weight(part)
        case OneOf(_, values):
            return len(values)
        case _:
            return 1


def matches(wanted: Filter, metadata: Metadata) -> bool:
    """Whether metadata pass; what every store's own filter must agree with."""
    match wanted:
        case Compare(name, sign, value):
            held = metadata.get(name)
            return kind_of(held) == kind_of(value) is not None and OPERATORS[sign](held, value)
        case OneOf(name, values):
            return any(matches(Compare(name, "eq", value), metadata) for value in values)
        case Contains(name, value):
            return any(
                matches(Compare(name, "eq", value), {name: item}) for item in _items(metadata.get(name))
            )
        case Exists(name):
            return name in metadata
        case AllOf(parts):
            return all(matches(part, metadata) for part in parts)
        case AnyOf(parts):
            return any(matches(part, metadata) for part in parts)
        case Not(part):
            return not matches(part, metadata)


def fields_of(wanted: Filter) -> frozenset[str]:
    """The fields that a filter looks at, apart from those it only asks the existence of."""
    match wanted:
        case AllOf(parts) | AnyOf(parts):
            return frozenset().union(*map(fields_of, parts))
        case Not(part):
            return fields_of(part)
        case Exists():
            return frozenset()
        case _:
            return frozenset([wanted.field])


def kind_of(value: object) -> Kind | None:
    """What a value compares with; None for a list or nothing."""
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


def _items(value: object) -> Sequence[Scalar]:
    return value if isinstance(value, list | tuple) else ()


def _read(data: object, depth: int) -> Filter:
    if depth > DEEPEST:
        raise FilterError(f"it is nested more than {DEEPEST} deep.", data)
    if not isinstance(data, Mapping):
        raise FilterError(f"a mapping of fields was expected, not {type(data).__name__}.", data)
    parts = tuple(_part(name, value, depth) for name, value in data.items())
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _part(name: object, value: object, depth: int) -> Filter:
    match name:
        case "and":
            return AllOf(_parts(name, value, depth))
        case "or":
            return AnyOf(_parts(name, value, depth))
        case "not":
            return Not(_read(value, depth + 1))
    problem = check_field_name(name)
    if problem:
        raise FilterError(problem, name)
    return _condition(str(name), value)


def _parts(name: str, value: object, depth: int) -> tuple[Filter, ...]:
    if not isinstance(value, list | tuple) or len(value) > LONGEST_LIST:
        raise FilterError(f"{name!r} takes a list of at most {LONGEST_LIST} filters.", value)
    return tuple(_read(part, depth + 1) for part in value)


def _condition(field: str, value: object) -> Filter:
    if isinstance(value, list | tuple):
        return OneOf(field, _values(field, value))
    if not isinstance(value, Mapping):
        return Compare(field, "eq", _value(field, value))
    conditions = tuple(_test(field, sign, operand) for sign, operand in value.items())
    if not conditions:
        raise FilterError(f"{field!r} has no condition.", value)
    return conditions[0] if len(conditions) == 1 else AllOf(conditions)


def _test(field: str, sign: object, operand: object) -> Filter:
    for known in OPERATORS:
        if sign == known:
            return Compare(field, known, _value(field, operand))
    if sign == "in" and isinstance(operand, list | tuple):
        return OneOf(field, _values(field, operand))
    if sign == "contains":
        return Contains(field, _value(field, operand))
    if sign == "exists" and isinstance(operand, bool):
        return Exists(field) if operand else Not(Exists(field))
    raise FilterError(
        f"{field!r} has the condition {sign!r}; there are {', '.join(OPERATORS)}, in (a list), contains and "
        "exists (true or false).",
        sign,
    )


def _values(field: str, values: Sequence[object]) -> tuple[Scalar, ...]:
    if len(values) > LONGEST_LIST:
        raise FilterError(f"{field!r} has more than {LONGEST_LIST} values.", field)
    return tuple(_value(field, value) for value in values)


def _value(field: str, value: object) -> Scalar:
    if isinstance(value, str) and "\0" not in value:
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) < LARGEST_INTEGER:
        return value
    raise FilterError(
        f"{field!r} is compared with {value!r:.60}; text, a finite number, true or false was expected.", value
    )
