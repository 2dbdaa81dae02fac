"""Functions as a planner's prompt shows them: a signature and one line each."""

from __future__ import annotations

import string
import types
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import is_dataclass
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.services.usage import BYTES_PER_TOKEN, estimate_tokens

__all__ = ["entry", "kinds_returned", "offered"]

ENTRY_TOKENS = 45
"""What one function may take in the prompt, unless its bare signature takes more."""
SCALARS = (bool, int, float)
WORD = string.ascii_letters + string.digits


def offered(
    functions: Mapping[str, KernelFunction], include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> dict[str, KernelFunction]:
    """The functions that a planner may use, by full name.

    ``include`` and ``exclude`` are patterns on ``Skill.name`` (``Emailer.*``, ``*.delete*``), compared
    without regard to case. With no ``include`` all are in; ``exclude`` wins.
    """
    if not include and not exclude:
        return dict(functions)
    return {
        name: function
        for name, function in functions.items()
        if (not include or _matches(name, include)) and not _matches(name, exclude)
    }


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


@lru_cache(maxsize=16_384)
def entry(function: KernelFunction) -> str:
    """One line: ``Skill.name(text, count: int = 5) -> list[str]: What it does. text: What is read.``

    Text parameters and results show no type. Descriptions are cut when the line would take more than about
    45 tokens; the signature never is.
    """
    line = _signature(function)
    room = ENTRY_TOKENS - estimate_tokens(line) - 1
    described = _cut(function.description, room)
    if described:
        line += f": {described}"
        room -= estimate_tokens(described)
    for parameter in function.parameters:
        note = f" {parameter.name}: {_sentence(parameter.description)}."
        if parameter.description and estimate_tokens(note) < room:
            line += note
            room -= estimate_tokens(note)
    return line


def _signature(function: KernelFunction) -> str:
    parameters = ", ".join(map(_parameter, function.parameters))
    shown = _shown_type(function.returns)
    return f"{function.full_name}({parameters})" + (f" -> {shown}" if shown else "")


def _parameter(parameter: Parameter) -> str:
    shown = _shown_type(parameter.annotation)
    typed = f"{parameter.name}: {shown}" if shown else parameter.name
    return typed if parameter.required else f"{typed} = {_one_line(str(parameter.default))[:20]}"


def _shown_type(annotation: Any) -> str:
    """The type in the shortest words; nothing for text and for what is not declared."""
    parts = alternatives(annotation)
    if any(part in (str, Any, object) for part in parts):
        return ""
    return " | ".join(dict.fromkeys(_part_name(part) for part in parts if part is not type(None)))


def _part_name(part: Any) -> str:
    if get_origin(part) is Literal:
        return " | ".join(map(str, get_args(part)))
    if isinstance(part, type) and issubclass(part, Enum):
        return " | ".join(str(member.value) for member in part)
    if get_origin(part) is list:
        inner = _shown_type((get_args(part) or (Any,))[0])
        return f"list[{inner}]" if inner else "list"
    return part.__name__ if isinstance(part, type) else str(part).replace("typing.", "")


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, notes dropped; a type that is no union is its own only member."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        return tuple(inner for part in get_args(annotation) for inner in alternatives(part))
    return (annotation,)


def kinds_returned(functions: Iterable[KernelFunction]) -> Set[str]:
    """What the functions give back besides text: ``"list"``, ``"object"``, ``"scalar"``."""
    return frozenset().union(*map(_kinds_of, functions))


@lru_cache(maxsize=16_384)
def _kinds_of(function: KernelFunction) -> frozenset[str]:
    return frozenset(kind for part in alternatives(function.returns) if (kind := _kind(part)))


def _kind(part: Any) -> str:
    origin = get_origin(part) or part
    if origin is Literal:
        return "scalar"
    if not isinstance(origin, type) or origin in (str, object):
        return ""
    if issubclass(origin, SCALARS) or issubclass(origin, Enum):
        return "scalar"
    if is_dataclass(origin) or hasattr(origin, "model_fields") or issubclass(origin, Mapping):
        return "object"
    return "list" if issubclass(origin, Sequence | Set) else ""


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _sentence(text: str) -> str:
    """The text on one line, without the full stop at its end."""
    return _one_line(text).rstrip("。.")


def _cut(text: str, tokens: int) -> str:
    """The text on one line, ended by a dot; cut and marked when it takes more than ``tokens``.

    It is cut between words, or between characters where no spaces are written, as in Chinese.
    """
    line = _sentence(text)
    if not line or estimate_tokens(line) <= tokens:
        return f"{line}." if line else ""
    room = max(0, tokens) * BYTES_PER_TOKEN
    kept = _start(line, room)
    if " " in kept:
        return f"{kept.rpartition(' ')[0]}…"
    kept = _start(line, room - len("…".encode())).rstrip(WORD)
    return f"{kept}…" if kept else ""


def _start(text: str, size: int) -> str:
    """As many whole characters of ``text`` as ``size`` bytes hold."""
    return text.encode()[: max(0, size)].decode(errors="ignore")
