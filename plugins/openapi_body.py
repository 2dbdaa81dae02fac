"""What an operation takes: parameters, and the fields of its body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from planloom.plugins.foreign_text import one_line
from planloom.plugins.json_pointer import followed
from planloom.plugins.json_schema import ForeignSchema
from planloom.plugins.openapi_dialect import request_schema

__all__ = ["Body", "Encoding", "Input", "body_of"]

Encoding = Literal["json", "form", "multipart", "raw"]
T = TypeVar("T", dict[str, Any], list[Any])
MOST_FIELDS = 40


@dataclass(frozen=True)
class Input:
    """One value of a request: its name on the wire, and where and how it is written there."""

    name: str
    place: str
    schema: ForeignSchema
    required: bool
    description: str = ""
    style: str = "simple"
    explode: bool = False

    @property
    def identity(self) -> str:
        return f"{self.place} {self.name}"


@dataclass(frozen=True)
class Body:
    """A request's body: its fields, or as a whole when it is no plain object."""

    media_type: str
    encoding: Encoding
    inputs: tuple[Input, ...]
    whole: bool
    required: bool


def body_of(checked: Any, raw: Mapping[str, Any], root: Any) -> Body | None:
    """The body in the media type that is best to write: JSON, a form, else as it is."""
    kinds = sorted(checked.content, key=_preference)
    if not kinds:
        return None
    kind = kinds[0]
    media = raw["content"][kind]
    schema = media.get("schema") if isinstance(media, Mapping) else None
    found = ForeignSchema(schema if isinstance(schema, Mapping) else {}, root, request_schema)
    encoding = _encoding(kind)
    fields = tuple(_fields(found)) if encoding != "raw" else ()
    media_type = "application/json" if "*" in kind else kind
    if fields:
        needed = checked.required or any(item.required for item in fields)
        return Body(
            media_type, encoding, fields if needed else _all_optional(fields), whole=False, required=needed
        )
    shape = ForeignSchema({"type": "string"}, {}) if encoding == "raw" else found
    description = one_line(checked.description) or "What is sent"
    only = Input("body", "body", shape, checked.required, description)
    return Body(media_type, encoding, (only,), whole=True, required=checked.required)


def _all_optional(fields: tuple[Input, ...]) -> tuple[Input, ...]:
    return tuple(Input(item.name, item.place, item.schema, False, item.description) for item in fields)


def _encoding(kind: str) -> Encoding:
    essence = kind.partition(";")[0].strip().lower()
    if essence.endswith(("/json", "+json")) or "*" in essence:
        return "json"
    if essence == "application/x-www-form-urlencoded":
        return "form"
    return "multipart" if essence == "multipart/form-data" else "raw"


def _preference(kind: str) -> tuple[int, int]:
    order = {"json": 0, "form": 1, "multipart": 2, "raw": 3}
    return order[_encoding(kind)], len(kind)


def _fields(schema: ForeignSchema) -> Iterator[Input]:
    """The fields of an object whose properties are all named; nothing for any other body."""
    merged = _merged(schema.raw, schema.root)
    properties = merged.get("properties")
    if not isinstance(properties, Mapping) or not 0 < len(properties) <= MOST_FIELDS:
        return
    required = merged.get("required") or []
    for name, part in properties.items():
        if isinstance(part, Mapping):
            inner = ForeignSchema(part, schema.root, schema.rewrite)
            yield Input(name, "body", inner, name in required, one_line(_said_of(part, schema.root)))


def _said_of(part: Any, root: Any) -> Any:
    own = part.get("description")
    if own is None and "$ref" in part:
        target = followed(part, root)
        own = target.get("description") if isinstance(target, Mapping) else None
    return own


def _merged(node: Any, root: Any, depth: int = 0) -> dict[str, Any]:
    """An object's properties, those of its ``allOf`` parts included; empty when it is more than that."""
    node = followed(node, root)
    if not isinstance(node, Mapping) or depth > 8:
        return {}
    node = request_schema(dict(node))
    if (
        node.keys() & {"anyOf", "oneOf", "not", "if", "dependentSchemas"}
        or node.get("type", "object") != "object"
    ):
        return {}
    properties, required = dict(_of(dict, node, "properties")), list(_of(list, node, "required"))
    for part in _of(list, node, "allOf"):
        inner = _merged(part, root, depth + 1)
        if not inner.get("properties") and "required" not in inner:
            return {}
        properties |= inner.get("properties", {})
        required += inner.get("required", [])
    # An open object, such as a map, is given as a whole
    return {} if node.get("additionalProperties") else {"properties": properties, "required": required}


def _of(kind: type[T], node: Mapping[str, Any], key: str) -> T:
    """A part of a schema that is known to be what it should; empty if it is something else."""
    found = node.get(key)
    return found if isinstance(found, kind) else kind()
