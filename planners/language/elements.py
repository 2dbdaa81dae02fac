"""What each element of the plan language takes: its attributes read, checked and made into a node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planloom.planners.errors import ConditionSyntaxError
from planloom.planners.language.characters import quoted
from planloom.planners.language.conditions import parse_condition
from planloom.planners.language.findings import Findings
from planloom.planners.language.markup import Attribute, OpenTag, is_element_name
from planloom.planners.language.nodes import Argument, Ask, Call, ForEach, If, Node, Result
from planloom.planners.language.variables import variable_fault
from planloom.signature import RESERVED

__all__ = [
    "CALL_PREFIX",
    "call_node",
    "foreach_node",
    "function_name",
    "if_node",
    "is_argument_name",
    "is_function_name",
    "leaf_node",
    "take_no_attributes",
]

CALL_PREFIX = "function."
SETS, APPENDS, AFTER = RESERVED


def function_name(element: str) -> str:
    """``Skill.Name`` of ``function.Skill.Name`` or ``function.Skill-Name``."""
    name = element[len(CALL_PREFIX) :]
    return name if "." in name else name.replace("-", ".", 1)


def is_argument_name(name: str) -> bool:
    """Whether ``name`` can name an argument at all: it has no dot or colon and is not reserved."""
    return is_element_name(name) and not {".", ":"} & set(name) and name.lower() not in RESERVED


def is_function_name(name: str) -> bool:
    """Whether ``name``, written as an element, is read back as itself."""
    element = CALL_PREFIX + name
    return len(name) > 0 and is_element_name(element) and function_name(element) == name


def call_node(tag: OpenTag, children: Sequence[Argument], findings: Findings) -> Call:
    """A step. Faulty parts are reported and left out."""
    sets = appends = None
    after: tuple[str, ...] = ()
    arguments: list[Argument] = []
    reserved: list[str] = []
    for attribute in tag.attributes:
        name = attribute.name.lower()
        if name not in RESERVED:
            _take_argument(attribute, arguments, findings)
            continue
        reserved.append(name)
        if name == SETS:
            sets = _name(attribute, findings)
        elif name == APPENDS:
            appends = _name(attribute, findings, settable=False)
        else:
            after = tuple(_names(attribute, findings))
    arguments += children
    if len(arguments) + len(reserved) > 1 and not tag.broken:
        _refuse_repeats(tag, [*(argument.name for argument in arguments), *reserved], findings)
    place = findings.source.place(tag.offset)
    return Call(function_name(tag.name), tuple(arguments), sets, appends, after, place)


def leaf_node(tag: OpenTag, findings: Findings) -> Node | None:
    """An ``<ask>`` or ``<result>``; None after reporting what it lacks."""
    place = findings.source.place(tag.offset)
    if tag.name.lower() == "ask":
        taken = _take(tag, ("setContextVariable", "question"), findings)
        name = _name(taken[0], findings) if taken else None
        return Ask(name, taken[1].value, place) if taken and name else None
    taken = _take(tag, ("name", "value"), findings)
    name = _name(taken[0], findings, settable=False) if taken else None
    return Result(name, taken[1].value, place) if taken and name else None


def if_node(tag: OpenTag, body: Sequence[Node], findings: Findings) -> If | None:
    """An ``<if>`` without its ``<else>``; None after reporting a fault, or when its body came to nothing."""
    taken = _take(tag, ("condition",), findings)
    if not taken or not _is_condition(taken[0], findings) or not body:
        return None
    return If(taken[0].value, tuple(body), (), findings.source.place(tag.offset))


def foreach_node(tag: OpenTag, body: Sequence[Node], findings: Findings) -> ForEach | None:
    """A ``<foreach>``; None after reporting a fault, or when its body came to nothing."""
    taken = _take(tag, ("item", "in"), findings)
    item = _name(taken[0], findings) if taken else None
    if not taken or not item or not body:
        return None
    return ForEach(item, taken[1].value, tuple(body), findings.source.place(tag.offset))


def take_no_attributes(tag: OpenTag, findings: Findings) -> None:
    """Report every attribute of an element that takes none."""
    for attribute in tag.attributes:
        _unknown(tag, attribute, "none", findings)


def _take(tag: OpenTag, names: tuple[str, ...], findings: Findings) -> list[Attribute] | None:
    """The attributes in the order of ``names``; None when one is missing. Others are reported."""
    given: dict[str, Attribute] = {}
    known = {name.lower() for name in names}
    for attribute in tag.attributes:
        if attribute.name.lower() not in known:
            _unknown(tag, attribute, " and ".join(names), findings)
        elif attribute.name.lower() in given:
            _twice(attribute.name, attribute.offset, findings)
        else:
            given[attribute.name.lower()] = attribute
    missing = [name for name in names if name.lower() not in given]
    if missing and not tag.broken:
        example = " ".join(f'{name}="…"' for name in names)
        said = f"<{tag.name}> needs {' and '.join(missing)}"
        findings.error("missing-argument", said, tag.offset, f"write <{tag.name.lower()} {example}>")
    return None if missing else [given[name.lower()] for name in names]


def _unknown(tag: OpenTag, attribute: Attribute, taken: str, findings: Findings) -> None:
    said = f"<{tag.name}> has no attribute {quoted(attribute.name)}"
    findings.error("unknown-argument", said, attribute.offset, f"it takes {taken}")


def _twice(name: str, offset: int, findings: Findings) -> None:
    findings.broken("xml-syntax", f"{quoted(name)} is given twice", offset, "keep one of them")


def _take_argument(attribute: Attribute, into: list[Argument], findings: Findings) -> None:
    name = attribute.name
    if "." in name or ":" in name:
        said = f"{quoted(name)} cannot be the name of an argument"
        findings.error("unknown-argument", said, attribute.offset, "names have no dots and no colons")
    else:
        into.append(Argument(name, attribute.value, findings.source.place(attribute.offset)))


def _refuse_repeats(tag: OpenTag, names: Sequence[str], findings: Findings) -> None:
    if len(set(names)) < len(names):
        repeated = next(name for at, name in enumerate(names) if name in names[:at])
        _twice(RESERVED.get(repeated, repeated), tag.offset, findings)


def _is_condition(attribute: Attribute, findings: Findings) -> bool:
    try:
        parse_condition(attribute.value)
    except ConditionSyntaxError as error:
        offset = attribute.value_offset + error.offset if attribute.verbatim else attribute.value_offset
        findings.error("bad-condition", error.message, offset, error.hint)
        return False
    return True


def _names(attribute: Attribute, findings: Findings) -> Iterator[str]:
    for part in attribute.value.split(","):
        name = _name(attribute._replace(value=part.strip()), findings, settable=False)
        if name:
            yield name


def _name(attribute: Attribute, findings: Findings, settable: bool = True) -> str | None:
    """The variable that an attribute names; ``$A`` is mended to ``A``. None after reporting a fault."""
    name = _mended(attribute.value)
    if fault := variable_fault(name, settable):
        findings.error("bad-reference", f"{attribute.name}: {fault[0]}", attribute.value_offset, fault[1])
        return None
    if name != attribute.value:
        said = f"{attribute.name} names a variable: {quoted(attribute.value)} was read as {name}"
        findings.warning("bad-reference", said, attribute.value_offset, f'write {attribute.name}="{name}"')
    return name


def _mended(text: str) -> str:
    name = text.strip()
    if name.startswith("${") and name.endswith("}"):
        return name[2:-1]
    return name.removeprefix("$")
