"""How a value looks when it is written into text."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from enum import Enum
from typing import Any

from planloom.planners.errors import RenderError

__all__ = ["is_model", "is_model_class", "render_text"]


def render_text(value: object) -> str:
    """The text of a value.

    Text stays as it is, nothing is ``""``, booleans are ``true`` and ``false``, dates are ISO 8601, bytes
    are read as UTF-8, an enum is its value; lists, mappings, dataclasses and pydantic models are compact
    JSON, and whatever is none of these is ``str(value)``.

    Raises:
        RenderError: the value contains itself, is nested too deep, or cannot be written for another reason.
    """
    try:
        return _text(value)
    except (RecursionError, ValueError) as error:
        kind = type(value).__name__
        raise RenderError(
            f"A value of the type {kind} cannot be written as text; does it contain itself? {error}"
        ) from error


def is_model(value: object) -> bool:
    """Whether ``value`` is an instance of a pydantic model; pydantic is not imported to find out."""
    return is_model_class(type(value))


def is_model_class(kind: type) -> bool:
    pydantic: Any = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(kind, pydantic.BaseModel)


def _text(value: object) -> str:
    if _is_structure(value):
        return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
    scalar = _scalar(value)
    if isinstance(scalar, bool):
        return "true" if scalar else "false"
    return "" if scalar is None else str(scalar)


def _plain(value: object) -> object:
    """Mappings, lists and scalars only, so that JSON can hold it."""
    if isinstance(value, Mapping):
        return {_text(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Set):
        return sorted(map(_plain, value), key=json.dumps)  # a set's own order changes from run to run
    if is_model(value):
        model: Any = value
        return model.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in fields(value) if not field.name.startswith("_"))
        return {name: _plain(getattr(value, name)) for name in names}
    return _scalar(value)


def _scalar(value: object) -> str | int | float | bool | None:
    if isinstance(value, Enum):
        return _scalar(value.value)
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "replace")
    return str(value)


def _is_structure(value: object) -> bool:
    if isinstance(value, Mapping | list | tuple | Set) or is_model(value):
        return True
    return is_dataclass(value) and not isinstance(value, type)
