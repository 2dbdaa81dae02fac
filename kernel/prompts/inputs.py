"""The inputs that a prompt config declares, and those that its template uses besides."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from planloom.errors import InvalidNameError
from planloom.names import check_name
from planloom.prompts.fields import Fields

__all__ = ["PromptInput", "read_inputs", "with_undeclared"]

_KNOWN = (
    "name",
    "description",
    "default",
    "defaultValue",
    "default_value",
    "is_required",
    "required",
    "type",
    "json_schema",
    "allow_dangerously_set_content",
    "sample",
)
_JSON_TYPES = ("string", "number", "integer", "boolean", "object", "array")


@dataclass(frozen=True, slots=True)
class PromptInput:
    """One input of a prompt. It is required exactly when ``default`` is None.

    ``trusted`` text is put into the prompt as it is and may open messages of its own.
    """

    name: str
    description: str = ""
    default: str | None = None
    required: bool = True
    json_schema: Mapping[str, Any] | None = None
    trusted: bool = False


def read_inputs(config: Fields) -> tuple[PromptInput, ...]:
    """What ``input_variables`` and ``input.parameters`` (2023) declare; the first wins for a name in both.

    An empty default is none: the configs of 2023 had to write one, and a required input with an empty
    default would never take the previous step's output. ``is_required: false`` without a default means
    an empty text.

    Raises:
        PromptConfigError: a field has the wrong type, or one list names an input twice.
    """
    current = _by_name(config.children("input_variables"))
    legacy = config.child("input")
    older = {} if legacy is None else _by_name(legacy.children("parameters"))
    return tuple((older | current).values())


def _by_name(declarations: Iterable[Fields]) -> dict[str, PromptInput]:
    inputs: dict[str, PromptInput] = {}
    for fields in declarations:
        declared = _read_input(fields)
        if declared.name.lower() in inputs:
            raise fields.wrong("name", f"{declared.name!r} is declared twice; names differ in more than case")
        inputs[declared.name.lower()] = declared
    return inputs


def _read_input(fields: Fields) -> PromptInput:
    fields.refuse_misspelt(_KNOWN)
    name = fields.text("name")
    if not name:
        raise fields.wrong("name", "is missing: each input has a name")
    try:
        check_name(name, "prompt's input")
    except InvalidNameError as error:
        raise fields.wrong("name", f"is wrong: {error}".rstrip(".")) from error
    default = fields.text("default") or fields.text("default_value") or fields.text("defaultValue") or None
    if default is None and _required(fields) is False:
        default = ""
    return PromptInput(
        name=name,
        description=fields.text("description") or "",
        default=default,
        required=default is None,
        json_schema=_schema(fields),
        trusted=bool(fields.flag("allow_dangerously_set_content")),
    )


def _required(fields: Fields) -> bool | None:
    current, legacy = fields.flag("is_required"), fields.flag("required")
    return legacy if current is None else current


def _schema(fields: Fields) -> Mapping[str, Any] | None:
    given = fields.data.get("json_schema")
    if isinstance(given, str) and given:
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise fields.wrong("json_schema", f"is not JSON: {error}") from error
    if isinstance(given, Mapping):
        return given
    if given:
        raise fields.wrong("json_schema", "must be a JSON schema, as an object or as its text")
    kind = fields.text("type")
    return {"type": kind} if kind in _JSON_TYPES else None


def with_undeclared(inputs: tuple[PromptInput, ...], variables: tuple[str, ...]) -> tuple[PromptInput, ...]:
    """``inputs`` and, required, each variable of the template that is not among them.

    An undeclared ``input`` comes first: the first parameter is what takes the previous step's output.
    """
    known = {declared.name.lower() for declared in inputs}
    missing = [PromptInput(name) for name in variables if name.lower() not in known]
    first = [added for added in missing if added.name.lower() == "input"]
    return (*first, *inputs, *(added for added in missing if added not in first))
