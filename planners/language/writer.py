"""Canonical XML: one way to write each tree, made to be read by people and read back as the same tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from planloom.planners.errors import PlanError
from planloom.planners.language.limits import Limits
from planloom.planners.language.nodes import Argument, Ask, Call, ForEach, If, Node, PlanTree, Result
from planloom.planners.language.tree_rules import faults_of

__all__ = ["write_plan"]

DEFAULT_LIMITS = Limits()
INDENT = "  "
LONG = 100
"""Characters; a longer argument becomes an element."""
END = "<!-- END -->"

TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", "\r": "&#13;"})
ATTRIBUTE = TEXT | str.maketrans({"\n": "&#10;", "\t": "&#9;"})


def write_plan(tree: PlanTree, limits: Limits = DEFAULT_LIMITS) -> str:
    """The plan as XML: two spaces of indent, one element a line, and the END comment.

    Raises:
        PlanError: the tree cannot be written so that it is read back as itself: a name is no name, a body is
            empty, a text holds a character that XML forbids, or a limit is exceeded.
    """
    if faults := faults_of(tree, limits):
        raise PlanError(faults)
    if not tree.nodes:
        return f"<plan/>\n{END}"
    return "\n".join(("<plan>", *_lines(tree.nodes, INDENT), "</plan>", END))


def _lines(nodes: Sequence[Node], indent: str) -> Iterator[str]:
    for node in nodes:
        match node:
            case Call():
                yield from _call(node, indent)
            case Ask(sets, question):
                yield f"{indent}<ask{_attributes(setContextVariable=sets, question=question)}/>"
            case Result(name, value):
                yield f"{indent}<result{_attributes(name=name, value=value)}/>"
            case If(condition, then, otherwise):
                yield from _element("if", _attributes(condition=condition), then, indent)
                if otherwise:
                    yield from _element("else", "", otherwise, indent)
            case ForEach(item, source, body):
                yield from _element("foreach", _attributes(item=item, **{"in": source}), body, indent)


def _element(name: str, attributes: str, body: Sequence[Node], indent: str) -> Iterator[str]:
    yield f"{indent}<{name}{attributes}>"
    yield from _lines(body, indent + INDENT)
    yield f"{indent}</{name}>"


def _call(call: Call, indent: str) -> Iterator[str]:
    short = list(takewhile(_fits_an_attribute, call.arguments))
    rest = call.arguments[len(short) :]  # one that would fit too keeps its place after one that does not
    name = f"function.{call.function}"
    tag = f"{indent}<{name}{_attributes(**{argument.name: argument.text for argument in short})}"
    tag += _reserved(call)
    if not rest:
        yield f"{tag}/>"
        return
    yield f"{tag}>"
    for argument in rest:
        yield f"{indent}{INDENT}<{argument.name}>{_text(argument.text)}</{argument.name}>"
    yield f"{indent}</{name}>"


def _reserved(call: Call) -> str:
    reserved = {
        "setContextVariable": call.sets,
        "appendToResult": call.appends,
        "after": ",".join(call.after),
    }
    return _attributes(**{name: value for name, value in reserved.items() if value})


def _fits_an_attribute(argument: Argument) -> bool:
    text = argument.text
    return len(text) <= LONG and "\n" not in text and not ('"' in text and "'" in text)


def _attributes(**values: str) -> str:
    return "".join(f" {name}={_quoted(value)}" for name, value in values.items())


def _quoted(value: str) -> str:
    text = value.translate(ATTRIBUTE)
    if '"' in text and "'" not in text:
        return f"'{text}'"
    return '"' + text.replace('"', "&quot;") + '"'


def _text(text: str) -> str:
    return text.translate(TEXT).replace("]]>", "]]&gt;")
