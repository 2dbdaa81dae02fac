"""Foreign JSON schemas as annotations: the nearest Python type, and a check of all that the schema says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from planloom.errors import MissingExtraError
from planloom.plugins.errors import SpecificationError
from planloom.plugins.json_pointer import Rewrite, followed, standalone

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ["ForeignSchema"]

SCALARS: Mapping[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "null": type(None),
}
SAID_BY_THE_TYPE = frozenset({"type", "title", "description", "default", "format", "deprecated", "nullable"})
MOST_CHOICES = 64
MOST_FIELDS = 100
DEEPEST = 4


@dataclass(frozen=True)
class ForeignSchema:
    """A JSON schema inside a document, which its references point into.

    ``rewrite`` turns an older dialect into the current one, one object at a time.
    """

    raw: Mapping[str, Any] = field(repr=False)
    root: Any = field(repr=False)
    rewrite: Rewrite = field(default=dict, repr=False)

    @cached_property
    def whole(self) -> dict[str, Any]:
        """The schema on its own, with what it refers to in ``$defs``; raises ``SpecificationError``."""
        return standalone(self.raw, self.root, self.rewrite)

    def annotation(self, *, optional: bool = False) -> Any:
        """The type of values that are given: the nearest Python type, and the schema's own check."""
        base = self._type(self.raw, 0)
        if optional and base is not Any:
            base = base | None
        if self._is_plain(self.raw):
            return base
        return Annotated[base, _Checked(self, optional)]

    def shape(self) -> Any:
        """The type of values that come back: with their fields, as far as the schema says."""
        return self._type(self.raw, 0, fields=True)

    def _is_plain(self, node: Mapping[str, Any]) -> bool:
        items = node.get("items")
        if isinstance(items, Mapping) and node.keys() <= SAID_BY_THE_TYPE | {"items"}:
            return node.get("type") == "array" and self._is_plain(items)
        return node.keys() <= SAID_BY_THE_TYPE and node.get("type") != "object"

    def _type(self, node: Any, depth: int, *, fields: bool = False) -> Any:
        node = followed(node, self.root)
        if not isinstance(node, Mapping) or depth > DEEPEST:
            return Any
        node = self.rewrite(dict(node))
        if "const" in node or "enum" in node:
            return _choice(node.get("enum", [node.get("const")]))
        kinds = node.get("type")
        if not isinstance(kinds, str | list) or not kinds:
            return self._untyped(node, depth, fields)
        found = [
            self._named(kind, node, depth, fields) for kind in ([kinds] if isinstance(kinds, str) else kinds)
        ]
        return _union(found)

    def _untyped(self, node: Mapping[str, Any], depth: int, fields: bool) -> Any:
        for keyword in ("anyOf", "oneOf"):
            options = node.get(keyword)
            if isinstance(options, list) and options:
                return _union(self._type(option, depth + 1, fields=fields) for option in options)
        parts = node.get("allOf")
        if isinstance(parts, list) and parts:
            types = [self._type(part, depth + 1, fields=fields and len(parts) == 1) for part in parts]
            return next((kind for kind in types if kind is not Any), Any)
        if "properties" in node:
            return self._named("object", node, depth, fields)
        return self._named("array", node, depth, fields) if "items" in node else Any

    def _named(self, kind: Any, node: Mapping[str, Any], depth: int, fields: bool) -> Any:
        if kind == "array":
            item = self._type(node.get("items"), depth + 1, fields=fields)
            return list[item]  # type: ignore[valid-type]
        if kind == "object":
            return self._record(node, depth) if fields else dict[str, Any]
        return SCALARS.get(kind, Any) if isinstance(kind, str) else Any

    def _record(self, node: Mapping[str, Any], depth: int) -> Any:
        properties = node.get("properties")
        closed = not node.get("additionalProperties") and not node.keys() & {"allOf", "anyOf", "oneOf"}
        if not isinstance(properties, Mapping) or not closed or not 0 < len(properties) <= MOST_FIELDS:
            return dict[str, Any]
        hints = {name: self._type(part, depth + 1, fields=True) for name, part in properties.items()}
        return TypedDict("record", hints, total=False)  # type: ignore[operator]


def _choice(values: Any) -> Any:
    if not isinstance(values, list) or not 0 < len(values) <= MOST_CHOICES:
        return Any
    if any(value is not None and not isinstance(value, str | int) for value in values):
        return Any
    return Literal[tuple(values)]


def _union(types: Iterable[Any]) -> Any:
    distinct = list(dict.fromkeys(types))
    if not distinct or Any in distinct:
        return Any
    return reduce(or_, distinct)


@dataclass(frozen=True, eq=False)
class _Checked:
    """The note in an annotation that has pydantic ask the schema too, once the value has its type."""

    schema: ForeignSchema
    optional: bool

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.check, handler(source))

    @cached_property
    def validator(self) -> Validator | None:
        return _validator(self.schema.whole)

    def check(self, value: Any) -> Any:
        if value is None and self.optional:
            return value
        try:
            fault = _fault(self.validator, value)
        except RecursionError:
            raise ValueError("it is nested too deep to be checked") from None
        except SpecificationError as error:
            raise ValueError(f"its schema cannot be used: {error}") from None
        if fault is not None:
            place = ".".join(str(part) for part in fault.absolute_path)
            rule = f"{fault.validator}: {fault.validator_value!r}"
            raise ValueError(f"{f'{place}: ' if place else ''}it must agree with {rule[:200]}")
        return value


def _fault(validator: Validator | None, value: Any) -> ValidationError | None:
    if validator is None:
        return None
    from referencing.exceptions import Unresolvable

    try:
        return next(validator.iter_errors(value), None)
    except Unresolvable as error:
        raise SpecificationError(f"{str(error.ref)[:200]!r} refers to nothing in it") from None


def _validator(schema: Mapping[str, Any]) -> Validator | None:
    """What checks values; None for a schema that is itself wrong, whose values only the server can judge."""
    try:
        from jsonschema import Draft202012Validator, SchemaError, validators
        from referencing import Registry
    except ImportError as error:
        raise MissingExtraError("jsonschema", "openapi", "a foreign schema") from error
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return None
    # A stranger's pattern can take a second per character, and overlapping alternatives are usual in real
    # documents. The server judges both again.
    lenient: dict[str, Callable[..., Any]] = {
        "oneOf": Draft202012Validator.VALIDATORS["anyOf"],
        "pattern": _pass,
        "patternProperties": _pass,
        "additionalProperties": _additional,
    }
    kind: Any = validators.extend(Draft202012Validator, lenient)  # type: ignore[no-untyped-call]
    # An empty registry: the usual one asks the network for what a schema refers to.
    validator: Validator = kind(dict(schema), registry=Registry())
    return validator


def _pass(validator: Any, value: Any, instance: Any, schema: Any) -> Iterable[Any]:
    return ()


def _additional(validator: Any, value: Any, instance: Any, schema: Any) -> Iterable[Any]:
    if "patternProperties" in schema:
        return ()
    from jsonschema import Draft202012Validator

    return Draft202012Validator.VALIDATORS["additionalProperties"](validator, value, instance, schema) or ()
