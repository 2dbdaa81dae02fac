"""Builds the syntax tree from the tokens, with a stack of open elements instead of recursion."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from planloom.planners.language.characters import quoted
from planloom.planners.language.elements import (
    CALL_PREFIX,
    call_node,
    foreach_node,
    function_name,
    if_node,
    is_argument_name,
    leaf_node,
    take_no_attributes,
)
from planloom.planners.language.entities import decode_text, unix_line_ends
from planloom.planners.language.findings import Findings
from planloom.planners.language.limits import Limits
from planloom.planners.language.markup import CloseTag, OpenTag, RawText
from planloom.planners.language.nodes import Argument, If, Node

__all__ = ["TreeBuilder"]

FENCE = "```"
AS_TEXT = "write < as &lt;, or the whole text as <![CDATA[…]]>"
ELEMENTS = "a plan has <function.Skill.Name>, <if>, <else>, <foreach>, <result> and <ask>"
HINTS = {
    "else": "an <else> comes directly after the </if> that it belongs to",
    "elseif": 'put an <if condition="…"> into an <else>',
    "elif": 'put an <if condition="…"> into an <else>',
    "for": 'write <foreach item="X" in="$LIST">',
    "loop": 'write <foreach item="X" in="$LIST">',
    "while": 'there is no open loop; write <foreach item="X" in="$LIST">',
    "function": "write the function's name: <function.Skill.Name …/>",
    "step": "a step is written <function.Skill.Name …/>",
}


@dataclass(slots=True)
class _Open:
    """An element whose end has not come yet.

    A ``body`` holds steps, a ``call`` arguments, an ``argument`` text, a ``leaf`` nothing; what is
    ``ignored`` is inside something that has been reported. An unknown element is a body that shares its
    parent's nodes, so that the steps in it are looked at too.
    """

    kind: Literal["body", "call", "argument", "leaf", "ignored"]
    tag: OpenTag
    role: str
    """The element's name in lower case; empty for one that has been reported."""
    nodes: list[Node] = field(default_factory=list)
    arguments: list[Argument] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    filled: bool = False
    if_before: If | Literal["faulty"] | None = None
    """In a body: the ``<if>`` that ended just here, which an ``<else>`` may follow."""
    joins: If | Literal["faulty"] | None = None
    """Of an ``<else>``: the ``<if>`` that it belongs to."""


class TreeBuilder:
    """Takes tokens one by one; ``nodes`` are those of the plan, ``depth`` is 0 once it is closed."""

    def __init__(self, findings: Findings, limits: Limits) -> None:
        self.nodes: list[Node] = []
        self._findings = findings
        self._limits = limits
        self._stack: list[_Open] = []
        self._steps = 0

    @property
    def depth(self) -> int:
        return len(self._stack)

    @property
    def innermost(self) -> str:
        """The name of the element that is open last."""
        return self._stack[-1].tag.name

    def take(self, token: OpenTag | CloseTag | RawText) -> None:
        match token:
            case OpenTag():
                self._open(token)
            case CloseTag():
                self._close(token)
            case RawText():
                self._text(token)

    # Opening tags

    def _open(self, tag: OpenTag) -> None:
        if not self._stack:
            self._open_plan(tag)
            return
        parent = self._stack[-1]
        parent.filled = True
        match parent.kind:
            case "body":
                self._open_step(tag, parent)
            case "call":
                self._open_argument(tag)
            case "ignored":
                self._push(_Open("ignored", tag, ""))
            case "argument":
                self._refuse(tag, f"<{tag.name}> cannot stand inside an argument", AS_TEXT)
            case "leaf":
                self._refuse(tag, f"nothing can stand inside <{parent.tag.name}>", "it has attributes only")

    def _open_plan(self, tag: OpenTag) -> None:
        for attribute in tag.attributes:
            said = f"<plan> takes no attributes; {quoted(attribute.name)} was passed over"
            self._findings.warning("unknown-argument", said, attribute.offset, "leave it out")
        self._push(_Open("body", tag, "plan", self.nodes))

    def _open_step(self, tag: OpenTag, parent: _Open) -> None:
        if_before, parent.if_before = parent.if_before, None
        name = tag.name.lower()
        if name.startswith(CALL_PREFIX):
            self._open_call(tag)
        elif name in ("ask", "result"):
            self._push(_Open("leaf", tag, name))
        elif name in ("if", "foreach"):
            self._push(_Open("body", tag, name))
        elif name == "else" and if_before:
            take_no_attributes(tag, self._findings)
            self._push(_Open("body", tag, name, joins=if_before))
        else:
            self._report_unknown(tag, name)
            self._push(_Open("body", tag, "", parent.nodes))

    def _open_call(self, tag: OpenTag) -> None:
        if tag.empty:  # as nearly every step is: nothing can stand in it, so it is complete
            self._check_depth(tag, len(self._stack) + 1)
            self._add(call_node(tag, (), self._findings), tag)
        else:
            self._push(_Open("call", tag, "call"))

    def _report_unknown(self, tag: OpenTag, name: str) -> None:
        if name == "plan":
            said = "a second <plan> opens inside the first"
            self._findings.broken("multiple-plans", said, tag.offset, "write exactly one <plan>")
            return
        said = "<else> without an <if>" if name == "else" else f"there is no element <{tag.name}>"
        self._findings.error("unknown-element", said, tag.offset, HINTS.get(name, ELEMENTS))

    def _open_argument(self, tag: OpenTag) -> None:
        if tag.name.lower().startswith(CALL_PREFIX):
            self._refuse(
                tag, "a step cannot stand inside a step", "put it before, and pass its result as $NAME"
            )
        elif not is_argument_name(tag.name):
            said = f"<{tag.name}> cannot be an argument"
            self._refuse(tag, said, "setContextVariable, appendToResult and after are attributes")
        else:
            take_no_attributes(tag, self._findings)
            self._push(_Open("argument", tag, "argument"))

    def _refuse(self, tag: OpenTag, message: str, hint: str) -> None:
        self._findings.error("unknown-element", message, tag.offset, hint)
        self._push(_Open("ignored", tag, ""))

    def _push(self, element: _Open) -> None:
        self._stack.append(element)
        # An argument is not counted: nothing can be nested in it, and it may be written as an attribute too.
        if element.kind != "argument":
            self._check_depth(element.tag, len(self._stack))
        if element.tag.empty:
            self._end()

    def _check_depth(self, tag: OpenTag, depth: int) -> None:
        if depth > self._limits.depth:
            said = f"more than {self._limits.depth} elements stand inside each other"
            self._findings.stop(said, tag.offset)

    # Closing tags

    def _close(self, tag: CloseTag) -> None:
        wanted = _closing_key(tag.name)
        matching = [at for at, open_ in enumerate(self._stack) if _closing_key(open_.tag.name) == wanted]
        if not matching:
            said = f"</{tag.name}> closes nothing"
            self._findings.broken(
                "xml-syntax", said, tag.offset, f"the element open here is <{self.innermost}>"
            )
            return
        while len(self._stack) > matching[-1] + 1:
            said = f"<{self.innermost}> is not closed before </{tag.name}>"
            hint = f"write </{self.innermost}>, or /> at the end of its tag"
            self._findings.broken("xml-syntax", said, self._stack[-1].tag.offset, hint)
            self._end()
        self._end()

    def _end(self) -> None:
        """The innermost element is complete."""
        element = self._stack.pop()
        tag, findings = element.tag, self._findings
        match element.role:
            case "call":
                self._add(call_node(tag, element.arguments, findings), tag)
            case "argument":
                self._add_argument(element)
            case "ask" | "result":
                self._add(leaf_node(tag, findings), tag)
            case "if":
                self._end_if(element)
            case "else":
                self._end_else(element)
            case "foreach":
                self._report_empty(element)
                self._add(foreach_node(tag, element.nodes, findings), tag)

    def _end_if(self, element: _Open) -> None:
        self._report_empty(element)
        node = if_node(element.tag, element.nodes, self._findings)
        self._add(node, element.tag)
        if node is None:
            self._stack[-1].nodes += element.nodes  # so that they are checked as well
        self._stack[-1].if_before = node or "faulty"

    def _end_else(self, element: _Open) -> None:
        if not element.filled:
            said = "this <else> has no steps in it"
            self._findings.warning("xml-syntax", said, element.tag.offset, "leave it out")
        if isinstance(element.joins, If):
            self._stack[-1].nodes[-1] = replace(element.joins, otherwise=tuple(element.nodes))

    def _report_empty(self, element: _Open) -> None:
        if not element.filled:
            said = f"<{element.tag.name}> has no steps in it"
            self._findings.broken(
                "xml-syntax", said, element.tag.offset, "put steps into it, or leave it out"
            )

    def _add(self, node: Node | None, tag: OpenTag) -> None:
        if node is None:
            return
        self._stack[-1].nodes.append(node)
        self._steps += 1
        if self._steps > self._limits.steps:
            self._findings.stop(f"the plan has more than {self._limits.steps:,} steps", tag.offset)

    def _add_argument(self, element: _Open) -> None:
        call, tag = self._stack[-1], element.tag
        text = "".join(element.pieces)
        call.arguments.append(Argument(tag.name, text, self._findings.source.place(tag.offset)))
        if len(call.arguments) + len(call.tag.attributes) > self._limits.attributes:
            said = f"<{call.tag.name}> has more than {self._limits.attributes} arguments"
            self._findings.stop(said, tag.offset)

    # Text

    def _text(self, text: RawText) -> None:
        element = self._stack[-1]
        if element.kind == "argument":
            element.pieces.append(self._argument_text(text))
        elif element.kind != "ignored" and not text.text.isspace():
            self._report_text(element, text)

    def _argument_text(self, text: RawText) -> str:
        if text.literal:
            return unix_line_ends(text.text)
        return decode_text(text.text, text.offset, self._findings)

    def _report_text(self, element: _Open, text: RawText) -> None:
        said = text.text.strip()
        if self.depth == 1 and self._closes_fence(text):
            return
        offset = text.offset + len(text.text) - len(text.text.lstrip())
        hint = "leave it out, or write it as a comment: <!-- … -->"
        if element.kind == "call":
            hint = f"to pass it as an argument: <{element.tag.name}><input>…</input></{element.tag.name}>"
        self._findings.error("unexpected-text", f"{quoted(said)} stands between elements", offset, hint)

    def _closes_fence(self, text: RawText) -> bool:
        """Whether the answer ended with its code fence and without ``</plan>``."""
        at_end = text.offset + len(text.text) == len(self._findings.source.text)
        return at_end and text.text.strip() == FENCE and bool(self.nodes)


def _closing_key(name: str) -> str:
    lower = name.lower()
    return function_name(lower) if lower.startswith(CALL_PREFIX) else lower
