"""One JSON schema for an object, from the schemas of its properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["object_schema"]

POINTER = "#/$defs/"


def object_schema(properties: Mapping[str, Mapping[str, Any]], required: Sequence[str]) -> dict[str, Any]:
    """A closed object of these properties.

    Definitions move to the top, where ``#/$defs/…`` finds them; of two that have one name and differ, the
    later one is renamed.
    """
    definitions: dict[str, Any] = {}
    placed = {name: _hoisted(schema, definitions) for name, schema in properties.items()}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": placed,
        "required": list(required),
        "additionalProperties": False,
    }
    return {**schema, "$defs": definitions} if definitions else schema


def _hoisted(schema: Mapping[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    own = schema.get("$defs", {})
    names = {name: _free_name(name, definition, definitions) for name, definition in own.items()}
    definitions.update({names[name]: _renamed(definition, names) for name, definition in own.items()})
    return {key: _renamed(value, names) for key, value in schema.items() if key != "$defs"}


def _free_name(name: str, definition: Any, taken: Mapping[str, Any]) -> str:
    free, count = name, 1
    while free in taken and taken[free] != definition:
        count += 1
        free = f"{name}_{count}"
    return free


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_renamed(item, names) for item in node]
    if not isinstance(node, Mapping):
        if isinstance(node, str) and node.startswith(POINTER):
            return POINTER + names.get(node.removeprefix(POINTER), node.removeprefix(POINTER))
        return node
    return {key: _renamed(value, names) for key, value in node.items()}
