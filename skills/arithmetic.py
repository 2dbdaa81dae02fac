"""Exact where Python is exact: arithmetic on int, float and Decimal, with named errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from planloom.errors import ArgumentError, EmptyListError, SkillError

__all__ = ["Number", "align", "check_number", "compute", "mean", "total"]

Number = int | float | Decimal

# About 3,900 digits: Python refuses to write an int of more than 4,300 as text.
MOST_BITS = 13_000


def check_number(function: str, parameter: str, value: object) -> Number:
    """``value`` if it is a finite number, which ``True`` is not.

    Raises:
        ArgumentError: it is something else, infinite or "not a number".
    """
    if isinstance(value, bool) or not isinstance(value, Number):
        raise ArgumentError(function, parameter, f"holds {type(value).__name__}, which is not a number")
    if not _is_finite(value):
        shown = "an integer that is too large to be held" if isinstance(value, int) else value
        raise ArgumentError(function, parameter, f"holds {shown}; only finite numbers can be used")
    return value


def align(values: Sequence[Number]) -> list[Any]:
    """The values, all Decimal if one is: a float then stands for the decimal number that it prints as."""
    if not any(isinstance(value, Decimal) for value in values):
        return list(values)
    return [Decimal(repr(value)) if isinstance(value, float) else Decimal(value) for value in values]


def compute(function: str, operation: Callable[..., Any], *values: Number) -> Number:
    """``operation(*values)`` on aligned values.

    Raises:
        SkillError: the result is too large to be held.
    """
    try:
        result: Number = operation(*align(values))
    except ArithmeticError as error:
        raise SkillError(function, "gave a number that is too large to be held.") from error
    if not _is_finite(result):
        raise SkillError(function, "gave a number that is too large to be held.")
    return result


def total(function: str, values: Sequence[Number]) -> Number:
    """The sum; floats are added without rounding in between, and no values give 0."""
    return compute(function, _add_up, *values)


def mean(function: str, values: Sequence[Number]) -> Number:
    """The sum divided by the number of values.

    Raises:
        EmptyListError: there are no values.
    """
    if not values:
        raise EmptyListError(function, "needs at least one number; the list is empty.")
    return compute(function, lambda whole, count: whole / count, total(function, values), len(values))


def _add_up(*values: Any) -> Any:
    return math.fsum(values) if any(isinstance(value, float) for value in values) else sum(values)


def _is_finite(value: Number) -> bool:
    if isinstance(value, int):
        return value.bit_length() <= MOST_BITS
    return value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
