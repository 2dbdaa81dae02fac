"""The syntax tree of a condition: plain data, and nothing else can be in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from planloom.planners.language.references import Reference

__all__ = [
    "And",
    "Comparison",
    "Constant",
    "Expression",
    "Items",
    "Not",
    "Operator",
    "Or",
    "Variable",
    "references_in",
]

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in"]


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, text, true, false or null."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Variable:
    """The value of a reference."""

    reference: Reference


@dataclass(frozen=True, slots=True)
class Items:
    """A list written in the condition."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    operator: Operator
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not:
    part: Expression


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Expression, ...]


Expression = Constant | Variable | Items | Comparison | Not | And | Or


def references_in(expression: Expression) -> tuple[Reference, ...]:
    """The references in a condition, from left to right, repeated ones as well."""
    return tuple(_references(expression))


def _references(expression: Expression) -> Iterator[Reference]:
    match expression:
        case Variable(reference):
            yield reference
        case Comparison(_, left, right):
            yield from _references(left)
            yield from _references(right)
        case Not(part):
            yield from _references(part)
        case And(parts) | Or(parts) | Items(parts):
            for part in parts:
                yield from _references(part)
        case Constant():
            pass
