"""The plan as JSON: plain data with a version and a schema; reading it makes a tree and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from planloom.planners.errors import PlanError
from planloom.planners.language.characters import quoted
from planloom.planners.language.diagnostic import Code, Diagnostic
from planloom.planners.language.limits import Limits
from planloom.planners.language.nodes import Argument, Ask, Call, ForEach, If, Node, Place, PlanTree, Result
from planloom.planners.language.tree_rules import faults_of

__all__ = ["PLAN_SCHEMA", "tree_from_json", "tree_to_json"]

VERSION: Final = 1
DEFAULT_LIMITS: Final = Limits()


class _Field(NamedTuple):
    kind: Literal["text", "texts", "names", "steps"]
    required: bool = False


_Shape = Mapping[str, _Field]

# A step is the shape whose first key it has.
SHAPES: Final[tuple[_Shape, ...]] = (
    {
        "function": _Field("text", True),
        "arguments": _Field("texts"),
        "setContextVariable": _Field("text"),
        "appendToResult": _Field("text"),
        "after": _Field("names"),
    },
    {"ask": _Field("text", True), "setContextVariable": _Field("text", True)},
    {"result": _Field("text", True), "value": _Field("text", True)},
    {"if": _Field("text", True), "then": _Field("steps", True), "else": _Field("steps")},
    {"foreach": _Field("text", True), "in": _Field("text", True), "do": _Field("steps", True)},
)
SHAPE_OF: Final[Mapping[str, _Shape]] = {next(iter(shape)): shape for shape in SHAPES}

FIELD_SCHEMAS: Final[Mapping[str, Any]] = {
    "text": {"type": "string"},
    "texts": {"type": "object", "additionalProperties": {"type": "string"}},
    "names": {"type": "array", "items": {"type": "string"}},
    "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
}


def _schema_of(shape: _Shape) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: FIELD_SCHEMAS[field.kind] for name, field in shape.items()},
        "required": [name for name, field in shape.items() if field.required],
        "additionalProperties": False,
    }


PLAN_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A planloom plan",
    "type": "object",
    "properties": {"planloom": {"const": VERSION}, "steps": FIELD_SCHEMAS["steps"]},
    "required": ["planloom", "steps"],
    "additionalProperties": False,
    "$defs": {"step": {"oneOf": [_schema_of(shape) for shape in SHAPES]}},
}
"""JSON schema of what ``tree_to_json`` writes; the texts in it are those of the XML, entities decoded."""


def tree_to_json(tree: PlanTree, limits: Limits = DEFAULT_LIMITS) -> str:
    """The tree as JSON text; raises ``PlanError`` when it breaks the rules that also hold for XML."""
    if faults := faults_of(tree, limits):
        raise PlanError(faults)
    return json.dumps({"planloom": VERSION, "steps": _written(tree.nodes)}, ensure_ascii=False, indent=2)


def tree_from_json(text: str, limits: Limits = DEFAULT_LIMITS) -> PlanTree:
    """The tree that ``text`` holds.

    Raises:
        PlanError: it is not JSON, does not follow ``PLAN_SCHEMA``, breaks a rule of the plan language or is
            over a limit.
    """
    reader = _JsonReader(limits)
    nodes = reader.plan(_loaded(text, limits))
    faults = tuple(reader.faults) or faults_of(PlanTree(nodes), limits)
    if not nodes and not faults:
        faults = (_fault("empty-plan", "the plan has no steps"),)
    if faults:
        raise PlanError(faults)
    return PlanTree(nodes)


def _written(nodes: Sequence[Node]) -> list[dict[str, Any]]:
    return [{key: value for key, value in _fields(node).items() if value or value == ""} for node in nodes]


def _fields(node: Node) -> dict[str, Any]:
    match node:
        case Call():
            return {
                "function": node.function,
                "arguments": {argument.name: argument.text for argument in node.arguments},
                "setContextVariable": node.sets,
                "appendToResult": node.appends,
                "after": list(node.after),
            }
        case Ask(sets, question):
            return {"ask": question, "setContextVariable": sets}
        case Result(name, value):
            return {"result": name, "value": value}
        case If(condition, then, otherwise):
            return {"if": condition, "then": _written(then), "else": _written(otherwise)}
        case ForEach(item, source, body):
            return {"foreach": item, "in": source, "do": _written(body)}


def _loaded(text: str, limits: Limits) -> Any:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > limits.bytes:
        said = f"the text has {size:,} bytes, and {limits.bytes:,} are allowed"
        raise PlanError((_fault("limit-exceeded", said),))
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except RecursionError as error:
        raise PlanError((_fault("limit-exceeded", "the JSON is nested too deep"),)) from error
    except json.JSONDecodeError as error:
        place = Place(error.lineno, error.colno)
        found = Diagnostic.error("xml-syntax", f"this is not JSON: {error.msg}", place)
        raise PlanError((found,), text) from error
    except ValueError as error:
        raise PlanError((_fault("xml-syntax", f"this is not a plan: {error}"),)) from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice in one object")
    return found


def _fault(code: Code, message: str, hint: str = "") -> Diagnostic:
    return Diagnostic.error(code, message, Place(), hint)


class _JsonReader:
    """Takes decoded JSON to nodes; what does not follow the schema is noted in ``faults`` and left out."""

    def __init__(self, limits: Limits) -> None:
        self.faults: list[Diagnostic] = []
        self._limits = limits
        self._count = 0

    def plan(self, value: Any) -> tuple[Node, ...]:
        if not isinstance(value, dict) or set(value) != {"planloom", "steps"}:
            self._note("xml-syntax", "", 'a plan is {"planloom": 1, "steps": […]}')
            return ()
        if value["planloom"] != VERSION or value["planloom"] is True:
            self._note("xml-syntax", "/planloom", f"only plans of version {VERSION} can be read")
            return ()
        return self._steps(value["steps"], "/steps", self._limits.depth)

    def _steps(self, value: Any, at: str, depth: int) -> tuple[Node, ...]:
        if not isinstance(value, list):
            self._note("xml-syntax", at, "this must be a list of steps")
            return ()
        if depth < 1:
            self._note("limit-exceeded", at, "the steps are nested too deep")
            return ()
        nodes = (self._step(step, f"{at}/{index}", depth) for index, step in enumerate(value))
        return tuple(node for node in nodes if node is not None)

    def _step(self, value: Any, at: str, depth: int) -> Node | None:
        kind = next((key for key in SHAPE_OF if isinstance(value, dict) and key in value), None)
        if kind is None:
            self._note("unknown-element", at, f"a step is an object with one of {', '.join(SHAPE_OF)}")
            return None
        before = self._count
        self._check_keys(value, SHAPE_OF[kind], at)
        fields = {
            name: self._field(value[name], field, f"{at}/{name}", depth)
            for name, field in SHAPE_OF[kind].items()
            if name in value
        }
        return _node(kind, fields) if self._count == before else None

    def _check_keys(self, value: dict[str, Any], shape: _Shape, at: str) -> None:
        for name in value:
            if name not in shape:
                self._note("unknown-argument", at, f"{quoted(name)} is none of {', '.join(shape)}")
        for name, field in shape.items():
            if field.required and name not in value:
                self._note("missing-argument", at, f"{name!r} is missing")

    def _field(self, value: Any, field: _Field, at: str, depth: int) -> Any:
        if field.kind == "steps":
            return self._steps(value, at, depth - 1)
        if not _is_of(field.kind, value):
            said = {"text": "a text", "texts": "an object of texts", "names": "a list of names"}[field.kind]
            self._note("xml-syntax", at, f"this must be {said}")
        return value

    def _note(self, code: Code, at: str, message: str) -> None:
        self._count += 1
        if self._count <= self._limits.faults:
            self.faults.append(_fault(code, f"{at}: {message}" if at else message))


def _is_of(kind: str, value: object) -> bool:
    match value:
        case str():
            return kind == "text"
        case dict():
            return kind == "texts" and all(isinstance(part, str) for part in value.values())
        case list():
            return kind == "names" and all(isinstance(part, str) for part in value)
        case _:
            return False


def _node(kind: str, fields: dict[str, Any]) -> Node:
    match kind:
        case "function":
            arguments = tuple(Argument(name, text) for name, text in fields.get("arguments", {}).items())
            sets, appends = fields.get("setContextVariable"), fields.get("appendToResult")
            return Call(fields["function"], arguments, sets, appends, tuple(fields.get("after", ())))
        case "ask":
            return Ask(fields["setContextVariable"], fields["ask"])
        case "result":
            return Result(fields["result"], fields["value"])
        case "if":
            return If(fields["if"], fields["then"], fields.get("else", ()))
        case _:
            return ForEach(fields["foreach"], fields["in"], fields["do"])
