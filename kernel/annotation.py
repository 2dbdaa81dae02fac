"""Turning values into the type that a parameter declares, through pydantic, never by the look of a value."""

from __future__ import annotations

import types
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["accept", "adapter_of", "from_text", "hides_value", "takes_text", "type_name"]

SCALARS = (int, float, bool, Decimal)


def adapter_of(annotation: Any) -> TypeAdapter[Any]:
    """The pydantic adapter of an annotation, built once for each."""
    try:
        return _cached_adapter(annotation)
    except TypeError:  # an annotation that cannot be hashed, such as Annotated[int, some list]
        return _build_adapter(annotation)


def _build_adapter(annotation: Any) -> TypeAdapter[Any]:
    from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

    try:
        return TypeAdapter(annotation)
    except PydanticSchemaGenerationError:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError as error:
        raise TypeError(f"pydantic cannot check {annotation!r}: {error}") from error


@lru_cache(maxsize=4096)
def _cached_adapter(annotation: Any) -> TypeAdapter[Any]:
    return _build_adapter(annotation)


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """The types that a value may have: those of a union, and else the type itself."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        return tuple(kind for part in get_args(annotation) for kind in _alternatives(part))
    return (annotation,)


def takes_text(annotation: Any) -> bool:
    """Whether text is itself a value of this type, so that a literal stays as it is written."""
    return any(kind is str or kind is Any or kind is object for kind in _alternatives(annotation))


def takes_anything(annotation: Any) -> bool:
    return any(kind is Any or kind is object for kind in _alternatives(annotation))


def from_text(annotation: Any) -> Callable[[str], Any]:
    """A function that reads a literal as ``annotation``: ``"30"`` is 30 for an int and text for a str.

    Lists and objects are JSON. The function raises ``ValueError`` when the text is no such value.
    """
    adapter = adapter_of(annotation)
    if takes_text(annotation):
        return adapter.validator.validate_python

    def read(text: str) -> Any:
        try:
            return adapter.validate_strings(text)
        except ValueError as error:
            try:
                return adapter.validate_json(text)
            except ValueError:
                if text.lstrip()[:1] in ("[", "{"):
                    raise
                raise error from None  # it was not meant as JSON

    return read


def hides_value(annotation: Any) -> bool:
    """Whether a type keeps its value to itself, as pydantic's ``SecretStr`` does."""
    return any(hasattr(kind, "get_secret_value") for kind in _alternatives(annotation))


def accept(annotation: Any) -> Callable[[Any], Any]:
    """A function that checks an object passed by reference; text becomes the declared type.

    A number or boolean given to a text parameter is passed unconverted, as the plan language has it. The
    function raises ``ValueError`` when the object is not of the type.
    """
    validate = adapter_of(annotation).validator.validate_python
    if takes_anything(annotation):
        return validate
    if not takes_text(annotation):
        read = from_text(annotation)
        return lambda value: read(value) if isinstance(value, str) else validate(value)

    def accept_text(value: Any) -> Any:
        return value if isinstance(value, SCALARS) and not _other_than_text(annotation) else validate(value)

    return accept_text


def _other_than_text(annotation: Any) -> bool:
    return any(kind is not str and kind is not type(None) for kind in _alternatives(annotation))


def type_name(annotation: Any) -> str:
    """A short name of a type for messages and catalogues: ``int``, ``list[str]``, ``Literal['a', 'b']``."""
    if annotation is Any:
        return "any"
    if annotation is type(None):
        return "None"
    if get_origin(annotation) is Annotated:
        return type_name(get_args(annotation)[0])
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    if get_origin(annotation) is Union or isinstance(annotation, types.UnionType):
        return " | ".join(type_name(part) for part in get_args(annotation))
    return str(annotation).replace("typing.", "").replace("NoneType", "None")
