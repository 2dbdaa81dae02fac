"""A metadata filter as SQL over a JSON column; names and values are parameters, never text of the query."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from planloom.plugins.memory.filters import (
    AllOf,
    AnyOf,
    Compare,
    Contains,
    Exists,
    Filter,
    Kind,
    Not,
    OneOf,
    Operator,
    kind_of,
)
from planloom.plugins.memory.record import Scalar

__all__ = ["SqlCondition", "postgres_condition", "sqlite_condition"]

SqlCondition = tuple[str, list[Any]]
"""A condition with marks for values, and the values."""

GROUP = 32
SIGNS: dict[Operator, str] = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
TYPES: dict[Kind | None, str] = {"text": "'text'", "number": "'integer', 'real'", "truth": "'true', 'false'"}
JSONB_TYPES: dict[Kind | None, str] = {"text": "'string'", "number": "'number'", "truth": "'boolean'"}


def sqlite_condition(wanted: Filter) -> SqlCondition:
    """The condition on the column ``metadata``, for SQLite."""
    match wanted:
        case Compare(name, sign, value):
            types = TYPES[kind_of(value)]
            return (
                f"(json_type(metadata, ?) IN ({types}) AND json_extract(metadata, ?) {SIGNS[sign]} ?)",
                [_path(name), _path(name), _operand(value)],
            )
        case OneOf(name, values):
            return _joined([_sqlite_one_of(name, kind) for kind in _by_kind(values)], " OR ", "0")
        case Contains(name, value):
            types = TYPES[kind_of(value)]
            return (
                "(json_type(metadata, ?) = 'array' AND EXISTS (SELECT 1 FROM json_each(metadata, ?) AS item "
                f"WHERE item.type IN ({types}) AND item.value = ?))",
                [_path(name), _path(name), _operand(value)],
            )
        case Exists(name):
            return "(json_type(metadata, ?) IS NOT NULL)", [_path(name)]
        case AllOf(parts):
            return _joined(map(sqlite_condition, parts), " AND ", "1")
        case AnyOf(parts):
            return _joined(map(sqlite_condition, parts), " OR ", "0")
        case Not(part):
            condition, values_ = sqlite_condition(part)
            # what a missing field makes unknown counts as false, so that its opposite is true
            return f"(NOT coalesce({condition}, 0))", values_


def _sqlite_one_of(name: str, values: Sequence[Scalar]) -> SqlCondition:
    """One of several values of one kind."""
    types, marks = TYPES[kind_of(values[0])], ", ".join("?" * len(values))
    return (
        f"(json_type(metadata, ?) IN ({types}) AND json_extract(metadata, ?) IN ({marks}))",
        [_path(name), _path(name), *map(_operand, values)],
    )


def _by_kind(values: Iterable[Scalar]) -> Iterable[list[Scalar]]:
    kinds: dict[Kind | None, list[Scalar]] = {}
    for value in values:
        kinds.setdefault(kind_of(value), []).append(value)
    return kinds.values()


def postgres_condition(wanted: Filter) -> SqlCondition:
    """The condition on the column ``metadata`` of type jsonb, for PostgreSQL through psycopg."""
    match wanted:
        case Compare(name, sign, value):
            kind = kind_of(value)
            held = '(metadata->>%s) COLLATE "C"' if kind == "text" else "(metadata->%s)"
            given = "%s" if kind == "text" else "CAST(%s AS jsonb)"
            is_kind = f"jsonb_typeof(metadata->%s) = {JSONB_TYPES[kind]}"
            return (
                f"coalesce({is_kind} AND {held} {SIGNS[sign]} {given}, false)",
                [name, name, value if kind == "text" else json.dumps(value)],
            )
        case OneOf(name, values):
            equal = [postgres_condition(Compare(name, "eq", value)) for value in values]
            return _joined(equal, " OR ", "false")
        case Contains(name, value):
            return (
                "coalesce(jsonb_typeof(metadata->%s) = 'array' AND metadata->%s @> CAST(%s AS jsonb), false)",
                [name, name, json.dumps([value])],
            )
        case Exists(name):
            return "jsonb_exists(metadata, %s)", [name]
        case AllOf(parts):
            return _joined(map(postgres_condition, parts), " AND ", "true")
        case AnyOf(parts):
            return _joined(map(postgres_condition, parts), " OR ", "false")
        case Not(part):
            condition, values_ = postgres_condition(part)
            return f"(NOT {condition})", values_


def _joined(parts: Iterable[SqlCondition], word: str, empty: str) -> SqlCondition:
    # The longest first: SQLite's parser keeps what stands before a bracket until the bracket ends.
    conditions = sorted(parts, key=lambda condition: -len(condition[0]))
    if not conditions:
        return empty, []
    return _grouped([text for text, _ in conditions], word), [v for _, values in conditions for v in values]


def _grouped(texts: Sequence[str], word: str) -> str:
    """Conditions in brackets by groups: in one row each is a level deeper, and SQLite has a deepest."""
    if len(texts) <= GROUP:
        return f"({word.join(texts)})"
    groups = [texts[start : start + GROUP] for start in range(0, len(texts), GROUP)]
    return _grouped([_grouped(group, word) for group in groups], word)


def _path(field: str) -> str:
    return f'$."{field}"'


def _operand(value: Scalar) -> Any:
    return int(value) if isinstance(value, bool) else value
