"""How the values in a condition are compared. Types decide, never the look of a value alone.

- Numbers (int, float, Decimal) compare by value. ``true`` and ``false`` are no numbers.
- Text and a number: the text is read as a number. If it is none, ``==`` is false and ``<`` an error. In the
  same way text meets a boolean (``"true"``, ``"false"``) and a date (ISO 8601).
- Text and text: ``==`` is exact; ``<`` goes by code point, as suits ISO dates. Two texts that are both
  numbers have no certain order ("10" and "9"), so that is an error.
- Values of other different types are not equal, and have no order.
- ``in`` looks for text in text, for an element in a list or set, for a key in a mapping.
- By itself, nothing and zero are false, text, lists and mappings are true unless empty; the texts ``"true"``
  and ``"false"`` (in any case) are what they say.
"""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Hashable, Mapping, Set
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from planloom.planners.errors import ConditionError
from planloom.planners.language.characters import quoted
from planloom.planners.language.condition_tokens import number_of
from planloom.planners.language.expressions import Operator

__all__ = ["compare", "is_true"]

BOOLEANS: Final = {"true": True, "false": False}
ORDERS: Final[dict[str, Callable[[Any, Any], object]]] = {
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}


def is_true(value: object) -> bool:
    """Whether a value by itself counts as true.

    Raises:
        ConditionError: it is neither nothing, a boolean, a number, text, a list nor a mapping.
    """
    value = _plain(value)
    if isinstance(value, str):
        return BOOLEANS.get(value.strip().lower(), bool(value))
    if value is None or isinstance(
        value, bool | int | float | Decimal | bytes | list | tuple | Mapping | Set
    ):
        return bool(value)
    raise ConditionError(f"{_named(value)} is neither true nor false by itself; compare a part of it.")


def compare(operator: Operator, left: object, right: object) -> bool:
    """Whether ``left operator right`` holds.

    Raises:
        ConditionError: the two have no order, or nothing can be ``in`` the right one.
    """
    try:
        return _compare(operator, _plain(left), _plain(right))
    except RecursionError as error:
        raise ConditionError(f"{_named(left)} is nested too deep to be compared.") from error


def _compare(operator: Operator, left: object, right: object) -> bool:
    match operator:
        case "==":
            return _equal(left, right)
        case "!=":
            return not _equal(left, right)
        case "in":
            return _contains(right, left)
        case "not in":
            return not _contains(right, left)
        case _:
            return _ordered(operator, left, right)


def _plain(value: object) -> object:
    return _plain(value.value) if isinstance(value, Enum) else value


def _equal(left: object, right: object) -> bool:
    left, right = _same_type(left, right)
    if _is_number(left) and _is_number(right):
        return left == right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(_equal_parts, left, right))
    if not _are_alike(type(left), type(right)):
        return False
    equal = left == right
    if isinstance(equal, bool):
        return equal
    raise ConditionError(f"{_named(left)} cannot be compared as a whole; compare a part of it.")


def _are_alike(left: type, right: type) -> bool:
    if bool in (left, right):
        return left is right
    return issubclass(left, right) or issubclass(right, left)


def _equal_parts(left: object, right: object) -> bool:
    return _equal(_plain(left), _plain(right))


def _ordered(operator: str, left: object, right: object) -> bool:
    first, second = _same_type(left, right)
    if isinstance(first, str) and isinstance(second, str):
        _refuse_two_numbers(first, second)
    elif not _have_order(first, second):
        raise ConditionError(
            f"{_named(left)} and {_named(right)} have no order, so {operator!r} cannot decide."
        )
    try:
        return bool(ORDERS[operator](first, second))
    except TypeError as error:  # one date knows its time zone and the other does not
        raise ConditionError(f"{_named(left)} and {_named(right)} cannot be compared: {error}.") from error


def _have_order(left: object, right: object) -> bool:
    if _is_number(left):
        return _is_number(right)
    return isinstance(left, date | datetime | time) and type(left) is type(right)


def _refuse_two_numbers(left: str, right: str) -> None:
    if number_of(left) is not None and number_of(right) is not None:
        raise ConditionError(
            f"{_named(left)} and {_named(right)} look like numbers, and their order as texts is another one. "
            "Compare with a number, or let the functions return numbers."
        )


def _contains(container: object, item: object) -> bool:
    if isinstance(container, str):
        if isinstance(item, str):
            return item in container
        raise ConditionError(f"Only text can be in a text, and {_named(item)} is none.")
    if isinstance(container, Mapping):
        return isinstance(item, Hashable) and item in container
    if isinstance(container, list | tuple | Set):
        return any(_equal(_plain(element), item) for element in container)
    raise ConditionError(f"Nothing can be 'in' {_named(container)}; that takes a text, a list or a mapping.")


def _same_type(left: object, right: object) -> tuple[object, object]:
    """Both, with a text read as the type of the other if it can be."""
    if isinstance(left, str) and not isinstance(right, str):
        return _read_as(right, left), right
    if isinstance(right, str) and not isinstance(left, str):
        return left, _read_as(left, right)
    return _as_decimals(left, right)


def _read_as(other: object, text: str) -> object:
    if isinstance(other, bool):
        return BOOLEANS.get(text.strip().lower(), text)
    if _is_number(other):
        number = number_of(text)
        return text if number is None else _as_decimals(number, other)[0]
    if isinstance(other, date | time):
        return _moment(type(other), text)
    return text


def _moment(kind: type[date] | type[time], text: str) -> object:
    try:
        return kind.fromisoformat(text.strip())
    except ValueError:
        return text


def _as_decimals(left: object, right: object) -> tuple[object, object]:
    """A float beside a Decimal becomes the Decimal that it is written as: 0.1 is Decimal("0.1")."""
    if isinstance(left, float) and isinstance(right, Decimal):
        return Decimal(repr(left)), right
    if isinstance(left, Decimal) and isinstance(right, float):
        return left, Decimal(repr(right))
    return left, right


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _named(value: object) -> str:
    if value is None:
        return "null (nothing)"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, bool | int | float | Decimal):
        return f"{type(value).__name__} {str(value).lower()}"
    return f"a value of the type {type(value).__name__}"
