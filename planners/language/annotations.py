"""What a path leads to in a declared type, as far as the declaration says."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NewType,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from planloom.planners.language.paths import listed, model_fields
from planloom.planners.language.references import Path, path_text
from planloom.planners.language.rendering import is_model_class

__all__ = ["UNKNOWN", "PathFault", "Unknown", "annotation_at", "check_path", "field_types"]

SCALARS: Final = (str, bytes, bytearray, bool, int, float, complex, Decimal, date, time, Enum, types.NoneType)


@dataclass(frozen=True, slots=True)
class PathFault:
    """The path certainly leads nowhere; ``message`` says what there is instead."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Unknown:
    """The declaration does not tell where the path leads."""


UNKNOWN: Final = Unknown()


def check_path(annotation: Any, path: Path) -> PathFault | Unknown | None:
    """Whether ``path`` leads somewhere in a value declared as ``annotation``; None if it does."""
    end = _end(annotation, path)
    return end if isinstance(end, PathFault | Unknown) else None


def annotation_at(annotation: Any, path: Path) -> Any:
    """The declared type at the end of ``path``; ``Any`` if that is not known or the path is wrong."""
    end = _end(annotation, path)
    return Any if isinstance(end, PathFault | Unknown) else end


def _end(annotation: Any, path: Path) -> Any:
    """The type at the end, a ``PathFault`` or ``UNKNOWN``."""
    for position, step in enumerate(path):
        annotation = _after(annotation, step)
        if isinstance(annotation, PathFault):
            where = f" (after {path_text(path[:position])})" if position else ""
            return PathFault(f"{path_text((step,))} leads nowhere: {annotation.message}{where}")
        if annotation is UNKNOWN:
            return UNKNOWN
    return annotation


def _after(annotation: Any, step: str | int) -> Any:
    """The type of one step's part, a ``PathFault`` or ``UNKNOWN``."""
    alternatives = list(_alternatives(annotation))
    present = [kind for kind in alternatives if kind is not types.NoneType] or alternatives
    found = [_part(kind, step) for kind in present]
    good = [part for part in found if not isinstance(part, PathFault)]
    if not good:
        return found[0] if found else UNKNOWN
    if any(part is UNKNOWN for part in good):
        return UNKNOWN
    return Union[tuple(good)]  # noqa: UP007  # the members are known only here


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The types that a declared type stands for, unions and aliases taken apart."""
    origin = get_origin(annotation)
    if origin in (Annotated, Required, NotRequired):
        yield from _alternatives(get_args(annotation)[0])
    elif origin is Union or origin is types.UnionType:
        for part in get_args(annotation):
            yield from _alternatives(part)
    elif origin is Literal:
        yield from {type(value) for value in get_args(annotation)}
    elif isinstance(annotation, NewType):
        yield from _alternatives(annotation.__supertype__)
    else:
        yield types.NoneType if annotation is None else annotation


def _part(annotation: Any, step: str | int) -> Any:
    kind = get_origin(annotation) or annotation
    if not isinstance(kind, type):
        return UNKNOWN  # Any, a type variable, a name that is not resolved
    if is_typeddict(kind):
        return _named_part(field_types(kind), step)
    if issubclass(kind, SCALARS):
        return PathFault(_said_of_scalar(kind))
    if issubclass(kind, Mapping):
        return _value_type(annotation, step)
    if issubclass(kind, Sequence):
        return _element_type(annotation, kind, step)
    if issubclass(kind, AbstractSet):
        return PathFault("a set has no order, so no element can be named")
    return _field_type(kind, step)


def _said_of_scalar(kind: type) -> str:
    if issubclass(kind, str):
        return "it is text, and a path does not walk into text"
    return f"a value of the type {kind.__name__} has no parts"


def _value_type(annotation: Any, step: str | int) -> Any:
    arguments = get_args(annotation)
    if len(arguments) != 2:
        return UNKNOWN
    key, value = arguments
    return PathFault("its keys are text") if key is str and isinstance(step, int) else value


def _element_type(annotation: Any, kind: type, step: str | int) -> Any:
    arguments = get_args(annotation)
    if isinstance(step, str):
        return PathFault("it is a list; write [0] for its first element")
    if not issubclass(kind, tuple) or Ellipsis in arguments:
        return arguments[0] if arguments else UNKNOWN
    if not arguments:
        return UNKNOWN
    inside = -len(arguments) <= step < len(arguments)
    return arguments[step] if inside else PathFault(f"it has {len(arguments)} elements")


def _field_type(kind: type, step: str | int) -> Any:
    if is_dataclass(kind):
        public = [field.name for field in fields(kind) if not field.name.startswith("_")]
        hints = field_types(kind)
        return _named_part({name: hints.get(name, UNKNOWN) for name in public}, step)
    if is_model_class(kind):
        return _model_part(kind, step)
    return UNKNOWN  # its values may be of a subclass that has fields


def _model_part(model: Any, step: str | int) -> Any:
    if model.model_config.get("extra") == "allow" and step not in model_fields(model):
        return UNKNOWN
    names = model_fields(model)
    return _named_part({name: model.model_fields[field].annotation for name, field in names.items()}, step)


def _named_part(parts: Mapping[str, Any], step: str | int) -> Any:
    if step in parts:
        return parts[str(step)]
    return PathFault(f"there are: {listed(parts)}" if parts else "it has no fields")


def field_types(kind: type, *, extras: bool = True) -> dict[str, Any]:
    """The types of a record's fields, with what is noted on them or without ``extras``.

    All are ``UNKNOWN`` if one cannot be resolved, such as a name that is imported for type checking only.
    """
    try:
        return get_type_hints(kind, include_extras=extras)
    except (NameError, TypeError):
        names = (name for parent in kind.__mro__ for name in vars(parent).get("__annotations__", ()))
        return dict.fromkeys(names, UNKNOWN)
