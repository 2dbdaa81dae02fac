"""The rules that a syntax tree obeys however it was made, so that it is written and read back as itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from planloom.planners.errors import ConditionSyntaxError
from planloom.planners.language.characters import illegal_characters, quoted
from planloom.planners.language.conditions import parse_condition
from planloom.planners.language.diagnostic import Code, Diagnostic
from planloom.planners.language.elements import is_argument_name, is_function_name
from planloom.planners.language.limits import Limits
from planloom.planners.language.nodes import Ask, Call, ForEach, If, Node, PlanTree, Result
from planloom.planners.language.variables import variable_fault

__all__ = ["faults_of"]

_Fault = tuple[Code, str, str]
"""Code, message and hint."""


def faults_of(tree: PlanTree, limits: Limits) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with a tree by itself, whatever the functions are; empty if it is right."""
    too_large = _limit_fault(tree, limits)
    if too_large:
        return (Diagnostic.error("limit-exceeded", too_large[0], too_large[1].place),)
    faults = (
        Diagnostic.error(code, message, node.place, hint)
        for node, _ in _walk(tree)
        for code, message, hint in _node_faults(node)
    )
    return tuple(islice(faults, limits.faults))


def _walk(tree: PlanTree) -> Iterator[tuple[Node, int]]:
    """Every node with its depth, in document order and without recursion."""
    waiting: list[tuple[Node, int]] = [(node, 1) for node in reversed(tree.nodes)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(child, depth + 1) for child in reversed(_children(node))]


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case If():
            return node.then + node.otherwise
        case ForEach():
            return node.body
        case _:
            return ()


def _limit_fault(tree: PlanTree, limits: Limits) -> tuple[str, Node] | None:
    for steps, (node, depth) in enumerate(_walk(tree), 1):
        if steps > limits.steps:
            return f"the plan has more than {limits.steps:,} steps", node
        if depth >= limits.depth:  # the plan itself is the first level
            return f"more than {limits.depth} elements stand inside each other", node
        if isinstance(node, Call) and _attributes(node) > limits.attributes:
            return f"{node.function} has more than {limits.attributes} arguments", node
    return None


def _attributes(call: Call) -> int:
    return len(call.arguments) + sum(map(bool, (call.sets, call.appends, call.after)))


def _node_faults(node: Node) -> Iterator[_Fault]:
    match node:
        case Call():
            yield from _call_faults(node)
        case Ask(sets, question):
            yield from _name_faults("setContextVariable", [sets])
            yield from _text_faults("question", question)
        case Result(name, value):
            yield from _name_faults("name", [name], settable=False)
            yield from _text_faults("value", value)
        case If(condition, then):
            yield from _condition_faults(condition)
            yield from _body_faults("<if>", then)
        case ForEach(item, source, body):
            yield from _name_faults("item", [item])
            yield from _text_faults("in", source)
            yield from _body_faults("<foreach>", body)


def _call_faults(call: Call) -> Iterator[_Fault]:
    if not is_function_name(call.function):
        yield "unknown-function", f"{quoted(call.function)} is no function's name", "write Skill.Name"
    yield from _name_faults("setContextVariable", [] if call.sets is None else [call.sets])
    yield from _name_faults("appendToResult", [] if call.appends is None else [call.appends], settable=False)
    yield from _name_faults("after", call.after, settable=False)
    for name, count in Counter(argument.name for argument in call.arguments).items():
        if not is_argument_name(name):
            yield "unknown-argument", f"{quoted(name)} cannot be the name of an argument", ""
        if count > 1:
            yield "xml-syntax", f"{quoted(name)} is given twice", "keep one of them"
    for argument in call.arguments:
        yield from _text_faults(argument.name, argument.text)


def _name_faults(what: str, names: Iterable[str], settable: bool = True) -> Iterator[_Fault]:
    for name in names:
        if fault := variable_fault(name, settable):
            yield "bad-reference", f"{what}: {fault[0]}", fault[1]


def _condition_faults(condition: str) -> Iterator[_Fault]:
    yield from _text_faults("condition", condition)
    try:
        parse_condition(condition)
    except ConditionSyntaxError as error:
        yield "bad-condition", error.message, error.hint


def _text_faults(what: str, text: str) -> Iterator[_Fault]:
    for offset in illegal_characters(text):
        said = f"{what}: XML allows no character U+{ord(text[offset]):04X}"
        yield "xml-syntax", said, "leave it out, or pass the text as an input of the run"
        return


def _body_faults(what: str, body: tuple[Node, ...]) -> Iterator[_Fault]:
    if not body:
        yield "xml-syntax", f"{what} has no steps in it", "put steps into it, or leave it out"
