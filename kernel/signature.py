"""Parameters and return type of a Python callable, from annotations, defaults and docstring."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from keyword import iskeyword
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from planloom.docstring import parameter_descriptions
from planloom.errors import RegistrationError
from planloom.parameter import REQUIRED, Parameter

__all__ = ["RESERVED", "Contract", "contract_of", "plan_name"]

PLAIN = {"bool": bool, "dict": dict, "float": float, "int": int, "list": list, "str": str}
RESERVED = {name.lower(): name for name in ("setContextVariable", "appendToResult", "after")}
"""Attributes of a step that are no arguments, by their lower-case spelling: no parameter has their names."""
NAMEABLE = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def plan_name(python_name: str) -> str:
    """The name that plans use: ``from_`` becomes ``from``, other names stay."""
    bare = python_name[:-1]
    return bare if python_name.endswith("_") and iskeyword(bare) else python_name


def _parameter_name(python_name: str) -> str:
    """``plan_name``, and ``after_`` for ``after``."""
    return f"{python_name}_" if python_name.lower() in RESERVED else plan_name(python_name)


@dataclass(frozen=True, slots=True)
class Contract:
    """What a callable takes and gives: the parameters that plans can name, in order, and the return type.

    ``returns`` is Any when nothing is declared.
    """

    parameters: tuple[Parameter, ...]
    returns: Any


def contract_of(function: Callable[..., Any], name: str) -> Contract:
    """The contract of a Python callable; ``name`` is for messages.

    Raises:
        RegistrationError: a parameter cannot be given by name, or an annotation cannot be resolved.
    """
    hints = _hints(function, name)
    described = parameter_descriptions(function.__doc__)
    parameters = tuple(
        _parameter(parameter, hints.get(parameter.name, Any), described, name)
        for parameter in _named(function, name)
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    )
    return Contract(parameters, hints.get("return", Any))


def _named(function: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    if inspect.ismethod(function):  # inspect would build the signature twice to drop self
        return list(_signature(function.__func__, name).parameters.values())[1:]
    return list(_signature(function, name).parameters.values())


def _signature(function: Callable[..., Any], name: str) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise RegistrationError(
            f"{name} has no signature to read ({error}); wrap it in a small annotated function.", function
        ) from error


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    target = inspect.unwrap(function if inspect.isroutine(function) else type(function).__call__)
    plain = _plain_hints(target)
    if plain is not None:
        return plain
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise RegistrationError(
            f"{name}: its annotations cannot be resolved: {error}. Import the types where the function's "
            "module can see them at run time (not under TYPE_CHECKING).",
            function,
        ) from error


def _plain_hints(function: Any) -> dict[str, Any] | None:
    """The annotations when they are plain classes, which need no resolving; else None."""
    found: dict[str, Any] = {}
    names = getattr(function, "__globals__", {})
    for parameter, annotation in getattr(function, "__annotations__", {}).items():
        if isinstance(annotation, str):
            annotation = PLAIN.get(annotation) if annotation not in names else None
        if not isinstance(annotation, type):
            return None
        found[parameter] = annotation
    return found


def _parameter(
    parameter: inspect.Parameter, hint: Any, described: dict[str, str], function: str
) -> Parameter:
    if parameter.kind not in NAMEABLE:
        raise RegistrationError(
            f"{function}: parameter {parameter.name!r} cannot be given by name, and plans pass arguments "
            "by name. Make it an ordinary parameter.",
            parameter,
        )
    if isinstance(hint, type) and not _is_field(parameter.default):
        default = REQUIRED if parameter.default is inspect.Parameter.empty else parameter.default
        described_as = described.get(parameter.name, "")
        return Parameter(_parameter_name(parameter.name), hint, described_as, default, parameter.name)
    annotation, description, field_default = _read_hint(hint)
    default = field_default if parameter.default is inspect.Parameter.empty else parameter.default
    if _is_field(default):
        description = description or (default.description or "")
        annotation, default = Annotated[annotation, default], _field_default(default)
    return Parameter(
        name=_alias(hint) or _parameter_name(parameter.name),
        annotation=annotation,
        description=description or described.get(parameter.name, ""),
        default=default,
        key=parameter.name,
    )


def _read_hint(hint: Any) -> tuple[Any, str, Any]:
    """The annotation without its plain-text description, that description, and a Field's default."""
    if get_origin(hint) is not Annotated:
        return hint, "", REQUIRED
    base, *notes = get_args(hint)
    texts = [note for note in notes if isinstance(note, str)]
    rest = tuple(note for note in notes if not isinstance(note, str))
    fields = [note for note in rest if _is_field(note)]
    described = [note.description for note in fields if note.description]
    default = _field_default(fields[-1]) if fields else REQUIRED
    annotation = Annotated[(base, *rest)] if rest else base
    return annotation, " ".join([*texts, *described]), default


def _is_field(note: object) -> bool:
    return type(note).__name__ == "FieldInfo" and type(note).__module__.startswith("pydantic")


def _field_default(field: Any) -> Any:
    return REQUIRED if field.is_required() else field.get_default(call_default_factory=True)


def _alias(hint: Any) -> str:
    notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((note.alias for note in notes if _is_field(note) and note.alias), "")
