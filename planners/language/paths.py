"""Walking from a value to a part of it: mapping keys, list indices, and the fields of dataclasses and models.

Only stored data is read: no method, property or private name is ever touched, and no code of the value runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import MemberDescriptorType
from typing import Any, Final

from planloom.planners.errors import PathError
from planloom.planners.language.characters import quoted
from planloom.planners.language.references import Path, path_text
from planloom.planners.language.rendering import is_model

__all__ = ["listed", "model_fields", "walk"]

MISSING: Final = object()
SHOWN: Final = 10
"""Names that a message lists."""


def walk(value: object, path: Path) -> object:
    """The part of ``value`` that ``path`` leads to; the value itself for an empty path.

    Raises:
        PathError: there is no such part; the message says what is there instead.
    """
    for position, step in enumerate(path):
        part = _part(value, step)
        if part is MISSING:
            where = path_text(path[:position])
            said = f"{path_text((step,))} leads nowhere: {_what_is_there(value, step)}"
            raise PathError(f"{said} (after {where})" if where else said, path, position)
        value = part
    return value


def _part(value: object, step: str | int) -> object:
    if isinstance(value, Mapping):
        return value.get(step, MISSING)
    if isinstance(step, int):
        inside = isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)
        return _element(value, step) if inside else MISSING  # type: ignore[arg-type]
    return _stored(value, _field_names(value).get(step, ""))


def _element(value: Sequence[object], index: int) -> object:
    return value[index] if -len(value) <= index < len(value) else MISSING


def _field_names(value: object) -> dict[str, str]:
    """The names under which a plan can ask for the fields of ``value``, and the fields' own names."""
    if is_model(value):
        names = model_fields(type(value))
        return names | {name: name for name in _extra(value) if not name.startswith("_")}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: field.name for field in fields(value) if not field.name.startswith("_")}
    return {}


def model_fields(model: Any) -> dict[str, str]:
    """The names and aliases of a pydantic model's fields, each with the field's own name."""
    names: dict[str, str] = {}
    for name, info in model.model_fields.items():
        aliases = (info.alias, info.serialization_alias, info.validation_alias)
        names |= {alias: name for alias in (name, *aliases) if isinstance(alias, str) and alias[:1] != "_"}
    return names


def _extra(value: Any) -> Mapping[str, object]:
    return value.model_extra or {}


def _stored(value: object, name: str) -> object:
    """The field as it is stored in the object, past any property or ``__getattr__`` of its class."""
    if not name:
        return MISSING
    if is_model(value) and name in _extra(value):
        return _extra(value)[name]
    slot = next((vars(kind)[name] for kind in type(value).__mro__ if name in vars(kind)), None)
    if isinstance(slot, MemberDescriptorType):
        return _slot(slot, value)
    return _instance_dict(value).get(name, MISSING)


def _slot(slot: MemberDescriptorType, value: object) -> object:
    try:
        return slot.__get__(value)
    except AttributeError:  # never set
        return MISSING


def _instance_dict(value: object) -> dict[str, object]:
    try:
        stored: dict[str, object] = object.__getattribute__(value, "__dict__")
    except AttributeError:  # a class with slots only
        return {}
    return stored


def _what_is_there(value: object, step: str | int) -> str:
    if value is None:
        return "the value is null (nothing)"
    if isinstance(value, str):
        return f"the value is the text {quoted(value)}, and a path does not walk into text"
    if isinstance(value, Mapping):
        return f"there are: {listed(value)}" if value else "the mapping is empty"
    if names := _field_names(value):
        return f"there are: {listed(names)}"
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        count = f"the list has {len(value)} elements"
        return count if isinstance(step, int) else f"{count}; write [0] for the first"
    return f"a value of the type {type(value).__name__} has no parts"


def listed(names: Iterable[object]) -> str:
    """Names for a message, the first ten of them."""
    known = [str(name) for name in names]
    return ", ".join(known[:SHOWN]) + (", …" if len(known) > SHOWN else "")
