"""Which literals a parameter takes, as GBNF: nothing that these rules let through is refused by its type."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin
from xml.sax.saxutils import quoteattr

from planloom.annotation import takes_text
from planloom.parameter import Parameter
from planloom.planners.catalogue import alternatives

__all__ = ["LITERAL_RULES", "choices_of", "literal_rule", "quoted", "reads", "xml_text"]

MOST_CHARACTERS = 600
"""Of a text in a plan: a model that repeats itself must come to an end. Longer ones are inputs."""
MOST_ITEMS = 50
LITERAL_RULES = {
    # No control characters, no bare quote, "<", "&" or "$", no backslash, nothing that XML does not allow; of
    # the planes of Unicode those that have characters.
    "char": r"[ !#%'-;=-\[\]-~\u00A0-\uD7FF\uE000-\uFFFD\U00010000-\U0003FFFF]",
    "text-char": r'char | "\\" | "&lt;" | "&amp;" | "&quot;" | "&#10;" | "$$" | "$" [0-9]',
    "text": f"text-char{{0,{MOST_CHARACTERS}}}",
    "piece": f"text-char{{0,{MOST_CHARACTERS // 4}}}",
    "filled-text": f"text-char{{1,{MOST_CHARACTERS}}}",
    "natural": '"0" | positive',
    "positive": "[1-9] [0-9]{0,8}",
    "integer": '"-"? natural',
    "number": 'integer ("." [0-9]{1,6})?',
    "boolean": '"true" | "false"',
    # Within quotes of a condition nothing stands for something else, so there are no references and quotes.
    "condition-text": '"\'" [ !#%(-;=-\\[\\]-~\\u00A0-\\uD7FF\\uE000-\\uFFFD]{1,200} "\'"',
    "text-test": '(" == " | " != ") condition-text',
    "truth-test": '(" == " | " != ") boolean',
    "containing": 'condition-text (" in $" | " not in $")',
    "number-test": '((" == " | " != " | " &lt; " | " &lt;= " | " > " | " >= ") number)?',
    "json-string": f'"&quot;" char{{0,{MOST_CHARACTERS}}} "&quot;"',
}
"""GBNF rules by name; ``literal_rule`` names one of them or is made of them."""
MOST_CHOICES = 200
PLAIN = frozenset({"type", "title", "description", "default", "examples", "deprecated"})
INTEGERS: tuple[tuple[Mapping[str, int], str], ...] = (
    ({}, "integer"),
    ({"minimum": 0}, "natural"),
    ({"minimum": 1}, "positive"),
    ({"exclusiveMinimum": 0}, "positive"),
)
ITEMS = {"string": "json-string", "integer": "integer", "number": "number", "boolean": "boolean"}


def literal_rule(parameter: Parameter) -> str | None:
    """What may be written for ``parameter``; None when only a reference is sure to be right."""
    closed = choices_of(parameter) or _small_range(parameter)
    if closed:
        return f"({' | '.join(quoted(xml_text(choice)) for choice in closed)})"
    parts = [part for part in alternatives(parameter.annotation) if part is not type(None)]
    if _has_validators(parameter.annotation) or len(parts) != 1:
        return "text" if takes_text(parameter.annotation) and _only_text(parts) else None
    limits = {key: value for key, value in _only_schema(parameter.schema).items() if key not in PLAIN}
    return _text_rule(limits) if takes_text(parts[0]) else _typed_rule(limits, parts[0])


def choices_of(parameter: Parameter) -> tuple[str, ...]:
    """The literals of a closed type (``Literal``, an enumeration, ``bool``); else empty.

    Members that cannot be written as text, such as None, are left out.
    """
    values = [value for part in alternatives(parameter.annotation) for value in _members(part)]
    if any(value is None for value in values):
        return ()
    return tuple(text for text in dict.fromkeys(map(_literal, values)) if reads(parameter, text))


def reads(parameter: Parameter, text: str) -> bool:
    """Whether a literal is of the parameter's type."""
    try:
        parameter.from_text(text)
    except ValueError:
        return False
    return True


def _members(part: Any) -> Iterator[Any]:
    """The values of a closed type; a lone None for an open one."""
    if part is type(None):
        return
    if get_origin(part) is Literal:
        yield from get_args(part)
    elif isinstance(part, type) and issubclass(part, Enum):
        yield from (member.value for member in part)
    elif part is bool:
        yield from (True, False)
    else:
        yield None


def _small_range(parameter: Parameter) -> tuple[str, ...]:
    """The whole numbers that a parameter takes, if they are few."""
    if int not in alternatives(parameter.annotation):
        return ()
    schema = _only_schema(parameter.schema)
    low = [math.ceil(found) for found in _bound(schema, "minimum")]
    low += [math.floor(found) + 1 for found in _bound(schema, "exclusiveMinimum")]
    high = [math.floor(found) for found in _bound(schema, "maximum")]
    high += [math.ceil(found) - 1 for found in _bound(schema, "exclusiveMaximum")]
    if not low or not high or min(high) - max(low) >= MOST_CHOICES:
        return ()
    numbers = map(str, range(max(low), min(high) + 1))
    return tuple(number for number in numbers if reads(parameter, number))


def _bound(schema: Mapping[str, Any], keyword: str) -> Iterator[int | float]:
    """The limit that a schema sets, if it is a number: who wrote the schema may have been mistaken."""
    found = schema.get(keyword)
    if isinstance(found, bool):
        return
    if isinstance(found, int) or (isinstance(found, float) and math.isfinite(found)):
        yield found


def _literal(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _has_validators(annotation: Any) -> bool:
    """Whether the author's own code judges the value; then no literal is sure."""
    notes = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return any(type(note).__module__ == "pydantic.functional_validators" for note in notes)


def _only_text(parts: list[Any]) -> bool:
    return all(part in (str, int, float, bool) for part in parts)


def _only_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of ``X`` where the type is ``X | None``."""
    found = schema.get("anyOf")
    options = [one for one in found if one != {"type": "null"}] if isinstance(found, list) else []
    return options[0] if len(options) == 1 and isinstance(options[0], Mapping) else schema


def _text_rule(limits: Mapping[str, Any]) -> str | None:
    if not limits:
        return "text"
    return "filled-text" if limits == {"minLength": 1} else None


def _typed_rule(limits: Mapping[str, Any], part: Any) -> str | None:
    if part is int:
        return next((rule for accepted, rule in INTEGERS if limits == accepted), None)
    if part is float:
        return None if limits else "number"
    if get_origin(part) is list and set(limits) == {"items"}:
        item = _item_rule(limits["items"])
        return f'"[" ({item} (", " {item}){{0,{MOST_ITEMS - 1}}})? "]"' if item else None
    return None


def _item_rule(items: Any) -> str | None:
    if not isinstance(items, Mapping) or not set(items) <= PLAIN:
        return None
    kind = items.get("type")
    return ITEMS.get(kind) if isinstance(kind, str) else None


def xml_text(text: str) -> str:
    """``text`` as it stands between the quotes of an attribute, with its dollars as dollars."""
    quoted_text = quoteattr(
        text.replace("$", "$$"), {'"': "&quot;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}
    )
    return quoted_text[1:-1]


def quoted(text: str) -> str:
    """``text`` as a GBNF literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
