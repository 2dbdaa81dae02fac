"""What there is to read about a function: the texts that it is found by, and what a call gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, is_typeddict

from planloom.docstring import result_description
from planloom.function import KernelFunction
from planloom.planners.catalogue import alternatives
from planloom.planners.language.annotations import field_types
from planloom.planners.retrieval.words import words

__all__ = ["result_text", "result_words", "searchable"]


def searchable(function: KernelFunction) -> dict[str, str]:
    """A function's texts by kind, for an index."""
    return {
        "name": function.name,
        "skill": function.skill,
        "description": function.description,
        "parameters": " ".join(parameter.name for parameter in function.parameters),
        "meanings": ". ".join(parameter.description for parameter in function.parameters),
        "result": result_text(function),
    }


def result_text(function: KernelFunction) -> str:
    """What the function says of its result: docstring, notes on the return type, and names of its fields."""
    documented = result_description(getattr(function.target, "__doc__", None))
    return " ".join(filter(None, (documented, *_noted(function.returns))))


def result_words(function: KernelFunction) -> set[str]:
    """The words in which a function says what it gives: of its name, its description and its result."""
    return set(words(f"{function.name} {function.description} {result_text(function)}"))


def _noted(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Annotated:
        yield from (note for note in get_args(annotation)[1:] if isinstance(note, str))
        yield from (note.description for note in get_args(annotation)[1:] if _described(note))
    for part in alternatives(annotation):
        if get_args(part) and get_origin(part) in (list, tuple, set, frozenset):
            yield from (text for inner in get_args(part) for text in _noted(inner))
        elif isinstance(part, type):
            yield from _fields(part)


def _described(note: object) -> bool:
    return isinstance(getattr(note, "description", None), str)


def _fields(kind: type) -> Iterator[str]:
    """Names and notes of the fields of a record."""
    model_fields = getattr(kind, "model_fields", None)
    if isinstance(model_fields, dict):
        for name, field in model_fields.items():
            yield f"{name} {field.description or ''}"
    elif dataclasses.is_dataclass(kind) or is_typeddict(kind):
        for name, hint in field_types(kind).items():
            notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
            yield " ".join([name, *(note for note in notes if isinstance(note, str))])
