"""Values as JSON text and back, exactly: what would come back as something else is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from math import isfinite
from types import NoneType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["Saved", "Unsavable", "refusal", "restore", "save", "shown_json"]

LEAVES = frozenset({str, int, bool, NoneType})


class Unsavable(ValueError):
    """Why a value cannot be saved."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A value as JSON. ``typed`` says that only its function's return type makes it what it was."""

    text: str
    typed: bool = False
    value: Any = None
    """What the text gives back: all that later steps may see, or a run that is resumed would differ."""


def save(value: Any, returns: Any = Any) -> Saved:
    """``value`` as JSON; plain JSON needs no type, all else goes through the declared one.

    Raises:
        Unsavable: it is not plain JSON, and its declared type would not give it back the same.
    """
    try:
        if type(value) is str:
            return Saved(encode_basestring_ascii(value), value=value)
        if is_plain(value):
            return Saved(json.dumps(value, separators=(",", ":")), value=value)
        text, again = _through_type(value, returns)
        return Saved(text, typed=True, value=again)
    except Unsavable:
        raise
    except RecursionError as error:
        raise Unsavable("it contains itself, or is nested too deep") from error
    except ValueError as error:
        raise Unsavable(f"it has no JSON: {error}") from error


def restore(saved: Saved, returns: Any) -> Any:
    """The value that was saved; raises ``ValueError`` when its type no longer takes it."""
    return _adapter_of(returns).validate_json(saved.text) if saved.typed else json.loads(saved.text)


def is_plain(value: Any) -> bool:
    """Whether JSON gives back exactly this value."""
    kind = type(value)
    if kind in LEAVES:
        return True
    if kind is float:
        return isfinite(value)
    if kind is list:
        return all(map(is_plain, value))
    return kind is dict and all(type(key) is str and is_plain(item) for key, item in value.items())


def _through_type(value: Any, returns: Any) -> tuple[str, Any]:
    from pydantic import ValidationError
    from pydantic_core import PydanticSerializationError

    adapter = _adapter_of(returns)
    try:
        text = adapter.dump_json(value, warnings="error").decode()
        again = adapter.validate_json(text)
    except (PydanticSerializationError, ValidationError) as error:
        raise Unsavable(f"a {type(value).__name__} is not what it declares to return") from error
    if type(again) is not type(value) or again != value:
        raise Unsavable(
            f"a {type(value).__name__} would come back from JSON as another value; declare the exact return "
            "type, a pydantic model or a dataclass, or return plain JSON"
        )
    return text, again


@lru_cache(maxsize=1024)
def refusal(returns: Any) -> str | None:
    """Why no value of this type can be saved; None when it can, or when only the value will tell."""
    from pydantic import PydanticUserError

    try:
        _adapter_of(returns).json_schema(mode="serialization")
    except PydanticUserError:  # no schema, or none in JSON
        return "it is neither plain JSON nor a pydantic model or dataclass of such"
    return None


def _adapter_of(returns: Any) -> TypeAdapter[Any]:
    try:
        return _cached_adapter(returns)
    except TypeError:  # an annotation that cannot be hashed
        return _build_adapter(returns)


@lru_cache(maxsize=1024)
def _cached_adapter(returns: Any) -> TypeAdapter[Any]:
    return _build_adapter(returns)


def _build_adapter(returns: Any) -> TypeAdapter[Any]:
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter

    try:
        return TypeAdapter(returns, config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64"))
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        return TypeAdapter(returns)  # a model or dataclass has its own configuration


def shown_json(value: Any) -> str:
    """``value`` as JSON for people to read: what is no JSON is described."""
    from pydantic_core import to_jsonable_python

    if type(value) is str:
        return encode_basestring_ascii(value)
    try:
        plain = to_jsonable_python(value, fallback=_described, bytes_mode="base64", inf_nan_mode="strings")
        return json.dumps(plain, separators=(",", ":"))
    except (ValueError, RecursionError):
        return json.dumps(_described(value))


def _described(value: Any) -> str:
    return f"<{type(value).__name__}>"
