"""An MCP tool as a function: what it takes, what it does to the world, and what a result of it means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from planloom.decorator import Effect
from planloom.errors import TooLargeError
from planloom.parameter import REQUIRED, Parameter
from planloom.plugins.errors import DoorResultError, ForeignToolError
from planloom.plugins.foreign_text import escaped, fingerprint, one_line
from planloom.plugins.identifiers import distinct_names
from planloom.plugins.json_schema import ForeignSchema

__all__ = ["McpTool", "value_of"]


@dataclass(frozen=True)
class McpTool:
    """A tool as its server describes it: ``definition`` is the whole of that, as JSON."""

    name: str
    definition: Mapping[str, Any]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all that the server says of the tool; what was approved is known by it."""
        return fingerprint(self.definition)

    @property
    def description(self) -> str:
        return one_line(self.definition.get("description") or self.definition.get("title"))

    @property
    def text(self) -> str:
        """All of the definition, for a person to read before approving it."""
        return escaped(json.dumps(self.definition, indent=1, ensure_ascii=False))

    @property
    def effect(self) -> Effect:
        """``read`` if the server says so and does not say otherwise as well; ``write`` if it says nothing."""
        hints = self._hints
        reads = hints.get("readOnlyHint") is True and hints.get("destructiveHint") is not True
        return "read" if reads else "write"

    @property
    def idempotent(self) -> bool:
        return self._hints.get("idempotentHint") is True or self.effect == "read"

    @property
    def _hints(self) -> Mapping[str, Any]:
        found = self.definition.get("annotations")
        return found if isinstance(found, Mapping) else {}

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is required, then the rest, each in the server's order; ``key`` is the tool's own name."""
        schema = _mapping(self.definition.get("inputSchema"))
        properties = _mapping(schema.get("properties"))
        listed = schema.get("required")
        required = set(map(str, listed)) if isinstance(listed, list) else set()
        names = distinct_names({name: name for name in properties}, "value")
        made = [
            _parameter(names[name], name, ForeignSchema(_mapping(part), schema), name in required)
            for name, part in properties.items()
        ]
        return tuple(sorted(made, key=lambda parameter: not parameter.required))

    @cached_property
    def returns(self) -> Any:
        schema = _mapping(self.definition.get("outputSchema"))
        if not schema:
            return Any
        inner = _wrapped(schema)
        return ForeignSchema(inner if inner is not None else schema, schema).shape()


def _parameter(name: str, key: str, schema: ForeignSchema, required: bool) -> Parameter:
    return Parameter(
        name=name,
        annotation=schema.annotation(optional=not required),
        description=one_line(schema.raw.get("description")),
        default=REQUIRED if required else None,
        key=key,
        json_schema=lambda: dict(schema.whole),
    )


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _wrapped(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of the value itself, where servers put what is no object under ``result``."""
    properties = _mapping(schema.get("properties"))
    inner = properties.get("result")
    return inner if list(properties) == ["result"] and isinstance(inner, Mapping) else None


def value_of(
    function: str, tool: McpTool, result: Mapping[str, Any], max_bytes: int, *, is_json: bool
) -> Any:
    """A result as a value: its structured content; else its text, as JSON if so said; else its blocks.

    Raises:
        ForeignToolError: the tool says that it failed.
        TooLargeError: the result takes more than ``max_bytes`` as JSON.
        DoorResultError: it is no result.
    """
    blocks = result.get("content")
    if not isinstance(blocks, list):
        raise DoorResultError(function, "was answered what is no result of a tool.")
    if len(json.dumps(result, ensure_ascii=False)) > max_bytes:
        raise TooLargeError(function, "the tool's result", max_bytes)
    if result.get("isError") is True:
        raise ForeignToolError(function, _text(blocks) or "it does not say why")
    structured = result.get("structuredContent")
    if structured is not None:
        wrapped = _wrapped(_mapping(tool.definition.get("outputSchema"))) is not None
        return structured["result"] if wrapped and "result" in structured else structured
    if not all(block.get("type") == "text" for block in blocks):
        return blocks
    return _parsed(function, _text(blocks)) if is_json else _text(blocks)


def _parsed(function: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DoorResultError(function, f"was answered what is not the JSON it should be: {error}") from None


def _text(blocks: list[Any]) -> str:
    return "\n".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
