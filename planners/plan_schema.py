"""The plan as JSON, for services that can be held to a JSON schema and to no grammar.

Within OpenAI's strict mode: every object closed, every property required, null for what is left out. A schema
cannot say what is set further up, nor how conditions are written, so these and references are left to the
checker and the repair. Names, parameters and literals are right.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners.catalogue import kinds_returned
from planloom.planners.kinds import produced
from planloom.planners.language.json_form import VERSION, tree_from_json
from planloom.planners.language.nodes import PlanTree
from planloom.planners.literals import choices_of, literal_rule

__all__ = ["JSON_NOTE", "plan_schema", "tree_from_answer"]

JSON_NOTE = (
    "\n\nWrite the plan as JSON, not as XML: "
    '{"steps": [{"function": "Skill.name", "arguments": {"param": "value"}, "setContextVariable": "R1", '
    '"appendToResult": null}]}. '
    'null is what is left out. If these functions cannot reach the goal: {"steps": []}'
)
"""What the instructions are followed by."""
MAX_STEPS = 12
NOTHING: dict[str, Any] = {"type": "null"}
TEXT: dict[str, Any] = {"type": "string"}
REFERENCE: dict[str, Any] = {"$ref": "#/$defs/reference"}
VARIABLE = {"$ref": "#/$defs/variable"}
CALLS: dict[str, Any] = {"type": "array", "items": {"$ref": "#/$defs/call"}}
TYPES: Mapping[str, dict[str, Any]] = {
    "text": TEXT,
    "filled-text": TEXT,
    "integer": {"type": "integer"},
    "natural": {"type": "integer"},
    "positive": {"type": "integer"},
    "number": {"type": "number"},
}
"""The JSON type that stands for a rule of the plan's grammar."""


def plan_schema(
    functions: Iterable[KernelFunction], inputs: Sequence[str] = ("INPUT",), max_steps: int = MAX_STEPS
) -> dict[str, Any]:
    """The JSON schema of plans that call ``functions``; ``tree_from_answer`` reads what follows it.

    Args:
        inputs: the names of the values that exist before the first step.
        max_steps: how many variables there are to name.
    """
    functions = list(functions)
    variables = [f"R{number}" for number in range(1, max_steps + 1)]
    loops = any(produced(function.returns) == "LIST" for function in functions)
    item = ["ITEM"] if loops else []
    references = [f"${name}" for name in (*inputs, *variables, *item)]
    blocks = [*([_loop()] if loops else []), *([_decision()] if kinds_returned(functions) else [])]
    steps = [{"$ref": "#/$defs/call"}, _ask(), *blocks]
    return {
        **_closed({"steps": {"type": "array", "items": {"anyOf": steps}}}),
        "$defs": {
            "call": {"anyOf": [_call(function, references) for function in functions]},
            "reference": {"type": "string", "enum": references},
            "variable": {"type": "string", "enum": variables},
        },
    }


def tree_from_answer(text: str) -> PlanTree:
    """The plan in an answer that follows ``plan_schema``, not checked yet.

    Raises:
        PlanError: it is not JSON, or not such a plan.
    """
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return tree_from_json(text)  # which says where it is wrong
    steps = answer.get("steps") if isinstance(answer, dict) else None
    if not isinstance(steps, list):
        return tree_from_json(text)
    return tree_from_json(json.dumps({"planloom": VERSION, "steps": [_step(step) for step in steps]}))


def _step(step: Any) -> Any:
    """A step without what is null, and with its values as texts."""
    if not isinstance(step, dict):
        return step
    kept = {key: value for key, value in step.items() if value is not None}
    if isinstance(kept.get("arguments"), dict):
        given = kept["arguments"].items()
        kept["arguments"] = {name: _text(value) for name, value in given if value is not None}
    for branch in ("do", "then", "else"):
        if isinstance(kept.get(branch), list):
            kept[branch] = [_step(inner) for inner in kept[branch]]
    return kept


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _call(function: KernelFunction, references: Sequence[str]) -> dict[str, Any]:
    arguments = {parameter.name: _value(parameter, references) for parameter in function.parameters}
    return _closed(
        {
            "function": {"type": "string", "enum": [function.full_name]},
            "arguments": _closed(arguments),
            "setContextVariable": {"anyOf": [VARIABLE, NOTHING]},
            "appendToResult": {"anyOf": [TEXT, NOTHING]},
        }
    )


def _ask() -> dict[str, Any]:
    return _closed({"ask": TEXT, "setContextVariable": VARIABLE})


def _loop() -> dict[str, Any]:
    return _closed({"foreach": {"type": "string", "enum": ["ITEM"]}, "in": REFERENCE, "do": CALLS})


def _decision() -> dict[str, Any]:
    return _closed({"if": TEXT, "then": CALLS, "else": {"anyOf": [CALLS, NOTHING]}})


def _value(parameter: Parameter, references: Sequence[str]) -> dict[str, Any]:
    """What a parameter may be given: literals of its type, references, and null where it has a default."""
    rule = literal_rule(parameter)
    options: list[dict[str, Any]]
    if rule is None:
        options = [REFERENCE]
    elif rule.startswith("("):
        written = [choice.replace("$", "$$") for choice in choices_of(parameter)]
        closed = [{"type": "string", "enum": [*written, *references]}]
        options = closed if written else [TYPES["integer"], REFERENCE]
    elif rule in TYPES:
        options = [TYPES[rule]] if TYPES[rule] is TEXT else [TYPES[rule], REFERENCE]
    else:
        options = [{"type": "array", "items": {"type": _item_type(parameter)}}, REFERENCE]
    if not parameter.required:
        options.append(NOTHING)
    return options[0] if len(options) == 1 else {"anyOf": options}


def _item_type(parameter: Parameter) -> str:
    """The JSON type of the items of a list; ``X | None`` has it one level down."""
    found = [parameter.schema, *parameter.schema.get("anyOf", ())]
    return next(str(part["items"]["type"]) for part in found if "items" in part)
