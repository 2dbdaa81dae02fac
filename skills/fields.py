"""Fields of items: paths through mapping keys, list indices, dataclass fields and pydantic fields.

A path is written ``address.city``, ``items[0].price`` or ``["Exchange Rate"]``; the empty path is the item
itself. Names that begin with an underscore, methods and properties are out of reach, so no path runs code.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planloom.errors import ArgumentError, FieldNotFoundError, SkillError

__all__ = ["FieldPath", "column", "fields_of", "is_list", "parse_field"]

MOST_NAMES_SHOWN = 20
MOST_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A path as it was written, and its steps: names and list indices."""

    text: str
    steps: tuple[str | int, ...]


def parse_field(function: str, text: str, parameter: str = "field") -> FieldPath:
    """Read a path.

    Raises:
        ArgumentError: it is malformed, or one of its names begins with an underscore.
    """
    text = str(text)  # a plan may hand over a number, as in field="0"
    if len(text) > MOST_CHARACTERS:
        raise ArgumentError(function, parameter, f"is longer than {MOST_CHARACTERS} characters")
    try:
        steps = tuple(_steps(text))
    except ValueError as error:
        raise ArgumentError(
            function, parameter, f"is {text!r}, which is no field: {error}. Write it as address.city"
        ) from error
    for step in steps:
        if isinstance(step, str) and step.startswith("_"):
            raise ArgumentError(function, parameter, f"is {text!r}; {step!r} is private and cannot be read")
    return FieldPath(text, steps)


def column(function: str, items: Sequence[object], field: str, parameter: str = "field") -> list[Any]:
    """The value of ``field`` in each item, in order.

    Raises:
        ArgumentError: ``field`` is no path.
        FieldNotFoundError: an item has no such field.
    """
    path = parse_field(function, field, parameter)
    return [_read(function, item, path, number) for number, item in enumerate(items, start=1)]


def fields_of(value: object) -> Mapping[str, Any]:
    """The fields of a mapping, dataclass or pydantic model by name; nothing for any other value."""
    if isinstance(value, Mapping):
        return {key: each for key, each in value.items() if isinstance(key, str) and key[:1] != "_"}
    if _is_model(value):
        return _model_fields(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in _plain_fields(value)}
    return {}


def is_list(value: object) -> bool:
    """Whether ``value`` is a list or tuple, so that it has items."""
    return isinstance(value, list | tuple)


def _is_model(value: object) -> bool:
    # Without importing pydantic, which is slow: until someone has, nothing can be a model.
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(value, pydantic.BaseModel)


def _model_fields(model: Any) -> Mapping[str, Any]:
    names = type(model).model_fields
    own = {name: vars(model)[name] for name in names if name in vars(model)}
    extra = model.model_extra or {}
    return own | {name: value for name, value in extra.items() if not name.startswith("_")}


def _plain_fields(value: Any) -> Iterator[dataclasses.Field[Any]]:
    for each in dataclasses.fields(value):
        # A subclass may hide a field behind a property, which would run code.
        hidden = isinstance(getattr(type(value), each.name, None), property)
        if not (hidden or each.name.startswith("_")) and hasattr(value, each.name):
            yield each


def _read(function: str, item: object, path: FieldPath, number: int) -> Any:
    # A key such as "address.city", as select() writes it, comes before a path through two mappings.
    if path.text and isinstance(item, Mapping) and path.text in item:
        return item[path.text]
    found, holder = item, f"item {number}"
    for step in path.steps:
        found = _child(function, found, step, path.text, holder)
        holder = f"{step!r} of {holder}"
    return found


def _child(function: str, value: object, step: str | int, field: str, holder: str) -> Any:
    if isinstance(value, list | tuple):
        return _element(function, value, step, field, holder)
    if isinstance(step, str) and isinstance(value, Mapping) and step in value:
        return value[step]
    fields = fields_of(value)
    if step not in fields:
        raise FieldNotFoundError(function, field, holder, _shown(fields))
    return fields[str(step)]


def _element(function: str, value: Sequence[object], step: str | int, field: str, holder: str) -> object:
    if isinstance(step, str) and not (step.isascii() and step.isdigit()):
        raise SkillError(
            function,
            f"cannot read field {field!r}: {holder} is a list, so {step!r} must be an index such as 0.",
        )
    if int(step) >= len(value):
        raise SkillError(
            function,
            f"cannot read field {field!r}: {holder} is a list of {len(value)}, with no index {step}.",
        )
    return value[int(step)]


def _shown(fields: Mapping[str, object]) -> list[str]:
    names = list(fields)
    return names if len(names) <= MOST_NAMES_SHOWN else [*names[:MOST_NAMES_SHOWN], "…"]


def _steps(text: str) -> Iterator[str | int]:
    at = 0
    while at < len(text):
        if text[at] == "[":
            step, at = _bracket(text, at + 1)
            yield step
            continue
        start = at + 1 if at and text[at] == "." else at
        ends = (text.find(mark, start) for mark in ".[")
        at = min((end for end in ends if end >= 0), default=len(text))
        if at == start or text[start - 1 : start] == "]":
            raise ValueError("a name is missing between two dots or brackets")
        yield text[start:at]


def _bracket(text: str, start: int) -> tuple[str | int, int]:
    quote = text[start : start + 1]
    if quote in ("'", '"'):
        end = text.find(f"{quote}]", start + 1)
        if end < 0:
            raise ValueError("a quoted name in brackets does not end")
        return text[start + 1 : end], end + 2
    end = text.find("]", start)
    digits = text[start:end] if end >= 0 else ""
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("brackets hold an index or a quoted name")
    return int(digits), end + 1
