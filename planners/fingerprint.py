"""Fingerprints: what an approval is bound to, so that a yes counts for exactly what was shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any
from uuid import UUID

from planloom.function import KernelFunction
from planloom.planners.errors import RenderError
from planloom.planners.language.rendering import is_model

__all__ = ["call_fingerprint", "function_fingerprint", "value_fingerprint"]

NUMBERS = (bool, int, float, complex, Decimal)
TIMES = (date, datetime, time, timedelta)
PATHS = (PosixPath, WindowsPath, PurePosixPath, PureWindowsPath)
EXACT = frozenset({type(None), bytes, bytearray, UUID, *NUMBERS, *TIMES, *PATHS})
"""Types whose ``repr`` tells all of a value; other ones may shorten theirs, as numpy's arrays do."""
NO_REPR: Any = object.__repr__
PROTOCOL = 4
"""Of telling what a copy is made from: the one that ``copy`` asks for."""
MOST_BITS = 13_000
"""Of a number as decimal text: Python refuses to write one of more than 4,300 digits."""


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
    if type(value) in EXACT:
        return _hash(kind, [_written(value)])
    if isinstance(value, type):
        return _hash(kind, [f"{value.__module__}.{value.__qualname__}".encode()])
    return _hash(kind, _contents(value))


def _written(value: Any) -> bytes:
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return hex(value).encode()
    return repr(value).encode("utf-8", "surrogatepass")


def _contents(value: Any) -> list[bytes]:
    """All that a copy of an object would be made from, as ``copy.deepcopy`` learns it; nothing is copied.

    An object without a ``repr`` of its own, or that cannot be copied, is known by its address instead: a yes
    to one never counts for another.
    """
    if type(value).__repr__ is NO_REPR:
        return [_written(value)]
    try:
        made = value.__reduce_ex__(PROTOCOL)
    except TypeError:
        return [_written(value), str(id(value)).encode()]
    if isinstance(made, str):  # there is one object of that name
        return [made.encode()]
    maker, arguments, state, items, pairs = (*made, None, None, None)[:5]
    name = getattr(maker, "__qualname__", type(maker).__qualname__)
    return [name.encode(), *map(_of, (arguments, state, list(items or ()), list(pairs or ())))]


def _hash(kind: str, parts: Iterable[bytes]) -> bytes:
    made = hashlib.sha256(kind.encode())
    for part in parts:
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.digest()
