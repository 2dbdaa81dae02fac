"""Fingerprints: what an approval is bound to, so that a yes counts for exactly what was shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any

from planloom.function import KernelFunction
from planloom.planners.errors import RenderError
from planloom.planners.language.rendering import is_model

__all__ = ["call_fingerprint", "function_fingerprint", "value_fingerprint"]


def call_fingerprint(function: KernelFunction, arguments: Mapping[str, Any], plan: str) -> str:
    """A hash of a function, of the exact arguments of a call, and of its plan's fingerprint."""
    return _hash("call", [function_fingerprint(function).encode(), _digest(arguments), plan.encode()]).hex()


def function_fingerprint(function: KernelFunction) -> str:
    """A hash of all that a person or a planner is told of a function: signature, descriptions and effect."""
    told = [function.signature(), function.description, function.effect, *function.resources]
    told += [parameter.description for parameter in function.parameters]
    return _digest(told).hex()


def value_fingerprint(value: Any) -> str:
    """A hash of a value: equal for equal data, whatever the order of keys; ``1``, ``1.0`` and ``"1"`` differ.

    Raises:
        RenderError: the value contains itself, or is nested too deep.
    """
    return _digest(value).hex()


def _digest(value: Any) -> bytes:
    try:
        return _of(value)
    except RecursionError as error:
        raise RenderError(
            f"A value of the type {type(value).__name__} cannot be approved: it contains itself, or is "
            "nested too deep to be shown."
        ) from error


def _of(value: Any) -> bytes:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, str):
        return _hash(kind, [value.encode("utf-8", "surrogatepass")])
    if isinstance(value, Mapping):
        return _hash(kind, sorted(_of(key) + _of(item) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return _hash(kind, map(_of, value))
    if isinstance(value, Set):
        return _hash(kind, sorted(map(_of, value)))
    if is_model(value):
        return _hash(kind, [_of(dict(value))])
    if is_dataclass(value) and not isinstance(value, type):
        return _hash(kind, [_of({item.name: getattr(value, item.name) for item in fields(value)})])
    if hasattr(type(value), "get_secret_value"):
        return _hash(kind, [_of(value.get_secret_value())])
    # an object with no repr of its own is known by its address: a yes to one never counts for another
    return _hash(kind, [repr(value).encode("utf-8", "surrogatepass")])


def _hash(kind: str, parts: Iterable[bytes]) -> bytes:
    made = hashlib.sha256(kind.encode())
    for part in parts:
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.digest()
