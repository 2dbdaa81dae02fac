"""A metadata filter as SQL over a JSON column; names and values are parameters, never text of the query."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
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
            return _joined([Compare(name, "eq", value) for value in values], " OR ", "0", sqlite_condition)
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
            return _joined(parts, " AND ", "1", sqlite_condition)
        case AnyOf(parts):
            return _joined(parts, " OR ", "0", sqlite_condition)
        case Not(part):
            condition, values_ = sqlite_condition(part)
            # what a missing field makes unknown counts as false, so that its opposite is true
            return f"(NOT coalesce({condition}, 0))", values_


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
            return _joined(
                [Compare(name, "eq", value) for value in values], " OR ", "false", postgres_condition
            )
        case Contains(name, value):
            return (
                "coalesce(jsonb_typeof(metadata->%s) = 'array' AND metadata->%s @> CAST(%s AS jsonb), false)",
                [name, name, json.dumps([value])],
            )
        case Exists(name):
            return "jsonb_exists(metadata, %s)", [name]
        case AllOf(parts):
            return _joined(parts, " AND ", "true", postgres_condition)
        case AnyOf(parts):
            return _joined(parts, " OR ", "false", postgres_condition)
        case Not(part):
            condition, values_ = postgres_condition(part)
            return f"(NOT {condition})", values_


def _joined(
    parts: Iterable[Filter], word: str, empty: str, write: Callable[[Filter], SqlCondition]
) -> SqlCondition:
    conditions = [write(part) for part in parts]
    if not conditions:
        return empty, []
    return f"({word.join(text for text, _ in conditions)})", [v for _, values in conditions for v in values]


def _path(field: str) -> str:
    return f'$."{field}"'


def _operand(value: Scalar) -> Any:
    return int(value) if isinstance(value, bool) else value
