"""Comparing values of items with values of plans: by the type of the item's value, never by a guess."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, Literal
from uuid import UUID

from planloom.skills.arithmetic import align
from planloom.skills.fields import fields_of, is_list

__all__ = ["Operator", "identity", "matches", "order_keys"]

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "contains", "startswith", "endswith"]

# datetime before date and bool before int: each is a subclass of the other.
KINDS: Sequence[tuple[type | tuple[type, ...], str]] = (
    (type(None), "nothing"),
    (bool, "true or false"),
    ((int, float, Decimal), "a number"),
    (str, "text"),
    (datetime, "a date and time"),
    (date, "a date"),
    (time, "a time"),
    (UUID, "a UUID"),
    ((list, tuple), "a list"),
)
ORDERED = ("true or false", "a number", "text", "a date and time", "a date", "a time")
ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matches(found: object, op: Operator, wanted: object) -> bool:
    """Whether ``found``, a field's value, stands in the relation ``op`` to ``wanted``.

    A text is first converted to the type of ``found``. A ``found`` of None equals only None and meets no
    other condition.

    Raises:
        ValueError: the two cannot be compared so; the text says what would be right.
    """
    found, wanted = _plain(found), _plain(wanted)
    if op in ("==", "!="):
        return _equal(found, wanted) is (op == "==")
    if found is None:
        return False
    if op == "in":
        return any(_equal(found, _plain(one)) for one in _list_of(wanted))
    if op == "contains":
        return _contains(found, wanted)
    if op in ("startswith", "endswith"):
        return _affix(found, op, wanted)
    return _ordered(found, op, wanted)


def order_keys(values: Sequence[object]) -> list[Any]:
    """``values`` as keys that can be sorted; none of them may be None.

    Raises:
        ValueError: they are not all of one kind, or of one that has no order.
    """
    plain = [_plain(value) for value in values]
    kinds = sorted({_kind(value) for value in plain})
    if len(kinds) > 1:
        raise ValueError(f"holds {' and '.join(kinds)}, which have no common order")
    if kinds and kinds[0] not in ORDERED:
        raise ValueError(f"holds {kinds[0]}, which has no order; name a field that does")
    if len({_is_aware(value) for value in plain}) > 1:
        raise ValueError("holds dates with and without a UTC offset, which have no common order")
    if any(value != value for value in plain):
        raise ValueError("holds nan, which has no order")
    return align(plain) if kinds == ["a number"] else plain


def identity(value: object) -> Hashable:
    """A key that two values share when they are equal and of one kind; 1 and true are not.

    Objects are equal when their fields are.
    """
    value = _plain(value)
    if isinstance(value, list | tuple):
        return "a list", tuple(identity(each) for each in value)
    fields = value if isinstance(value, Mapping) else fields_of(value)
    if fields:
        return "an object", frozenset((identity(name), identity(each)) for name, each in fields.items())
    return _kind(value), value if isinstance(value, Hashable) else repr(value)


def _plain(value: object) -> Any:
    return value.value if isinstance(value, Enum) else value


def _kind(value: object) -> str:
    return next((kind for types, kind in KINDS if isinstance(value, types)), "an object")


def _equal(found: Any, wanted: Any) -> bool:
    if found is None or wanted is None:
        return found is wanted
    left, right = _comparable(found, wanted)
    return bool(left == right)


def _ordered(found: Any, op: str, wanted: Any) -> bool:
    if _kind(found) not in ORDERED:
        raise ValueError(f"cannot be used with {op}: the field holds {_kind(found)}, which has no order")
    left, right = _comparable(found, wanted)
    is_nan = left != left or right != right
    return not is_nan and ORDERINGS[op](left, right)


def _contains(found: Any, wanted: Any) -> bool:
    if is_list(found):
        return any(_equal(_plain(one), wanted) for one in found)
    if isinstance(found, str) and isinstance(wanted, str):
        return wanted in found
    raise ValueError(
        f"cannot be used with contains: the field holds {_kind(found)} and the value is {_kind(wanted)}; "
        "the field must hold a list, or both must be text"
    )


def _affix(found: Any, op: str, wanted: Any) -> bool:
    if not (isinstance(found, str) and isinstance(wanted, str)):
        raise ValueError(f"cannot be used with {op}: the field and the value must both be text")
    return found.startswith(wanted) if op == "startswith" else found.endswith(wanted)


def _list_of(wanted: Any) -> Sequence[object]:
    if isinstance(wanted, str):
        try:
            wanted = json.loads(wanted)
        except (ValueError, RecursionError):
            wanted = None
    if not isinstance(wanted, list | tuple):
        raise ValueError('must be a list for in, such as ["Rome", "Paris"]')
    return wanted


def _comparable(found: Any, wanted: Any) -> tuple[Any, Any]:
    if isinstance(wanted, str) and not isinstance(found, str):
        wanted = _from_text(wanted, _kind(found))
    if _kind(found) != _kind(wanted):
        raise ValueError(f"is {_kind(wanted)}, but the field holds {_kind(found)}; give {_kind(found)}")
    if _kind(found) == "a number":
        found, wanted = align([found, wanted])
    if _is_aware(found) is not _is_aware(wanted):
        raise ValueError("and the field must both have a UTC offset, or neither (2031-01-12T21:15:00+00:00)")
    return found, wanted


def _is_aware(value: object) -> bool:
    return isinstance(value, datetime | time) and value.tzinfo is not None


def _from_text(text: str, kind: str) -> object:
    convert = FROM_TEXT.get(kind)
    if convert is None:
        raise ValueError(f"is text, but the field holds {kind}, which cannot be compared with text")
    try:
        return convert(text)
    except (ValueError, InvalidOperation) as error:
        raise ValueError(f"is text that cannot be read as {kind}, which the field holds") from error


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite() or "_" in text:
        raise ValueError("not a plain number")
    return number


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("neither true nor false")
    return text == "true"


FROM_TEXT: Mapping[str, Callable[[str], object]] = {
    "true or false": _truth,
    "a number": _number,
    "a date and time": datetime.fromisoformat,
    "a date": date.fromisoformat,
    "a time": time.fromisoformat,
    "a UUID": UUID,
}
