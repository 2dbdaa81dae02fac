"""OpenAPI 3.0's own dialect of JSON schema, said in today's words."""

from __future__ import annotations

from typing import Any

__all__ = ["request_schema", "response_schema"]

SPOKEN_ELSEWHERE = ("discriminator", "xml", "externalDocs", "example", "examples", "nullable")
BOUNDS = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))


def request_schema(node: dict[str, Any]) -> dict[str, Any]:
    """One object of a schema for what is sent: without what only an answer has."""
    return _without(_current(node), "readOnly")


def response_schema(node: dict[str, Any]) -> dict[str, Any]:
    """One object of a schema for what comes back: without what only a request has."""
    return _without(_current(node), "writeOnly")


def _current(node: dict[str, Any]) -> dict[str, Any]:
    nullable = node.get("nullable") is True
    made = {key: value for key, value in node.items() if key not in SPOKEN_ELSEWHERE}
    for exclusive, bound in BOUNDS:
        if made.get(exclusive) is True and bound in made:
            made[exclusive] = made.pop(bound)
        elif isinstance(made.get(exclusive), bool):
            del made[exclusive]
    return _nullable(made) if nullable else made


def _nullable(node: dict[str, Any]) -> dict[str, Any]:
    kind = node.get("type")
    if not isinstance(kind, str):
        return {"anyOf": [node, {"type": "null"}]}
    made = {**node, "type": [kind, "null"]}
    if isinstance(node.get("enum"), list) and None not in node["enum"]:
        made["enum"] = [*node["enum"], None]
    return made


def _without(node: dict[str, Any], mark: str) -> dict[str, Any]:
    properties = node.get("properties")
    if not isinstance(properties, dict):
        return node
    gone = {name for name, part in properties.items() if isinstance(part, dict) and part.get(mark) is True}
    if not gone:
        return node
    kept = {name: part for name, part in properties.items() if name not in gone}
    required = node.get("required")
    needed = [name for name in required if name not in gone] if isinstance(required, list) else required
    return {**node, "properties": kept, **({} if needed is None else {"required": needed})}
