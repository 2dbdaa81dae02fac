"""The tokens of a plan's XML: tags with their attributes, text and CDATA, read tolerantly in one pass.

What can only be meant one way is mended with a warning; every other fault is reported and passed over, so
that reading goes on. The time is linear in the length of the text, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from planloom.planners.language.characters import quoted
from planloom.planners.language.entities import decode_attribute
from planloom.planners.language.findings import Findings
from planloom.planners.language.limits import Limits

__all__ = ["Attribute", "CloseTag", "Cut", "Markup", "OpenTag", "RawText", "Token", "is_element_name"]

# Runs of characters of one class; what may follow what is decided below.
NAME = re.compile(r"[^\W\d][\w.\-:]*")
# Possessive, so that a failed match has looked at each character once.
ATTRIBUTE = re.compile(r"""[ \t\r\n]++([^\W\d][\w.\-:]*+)[ \t\r\n]*+=[ \t\r\n]*+(?:"([^"]*+)"|'([^']*+)')""")
TAG_END = re.compile(r"[ \t\r\n]*+(/?)>")
NOT_SPACE = re.compile(r"[^ \t\r\n]")
OPENING = re.compile(r"<([^\W\d][\w.\-:]*)")
MARKUP = re.compile(r"<(?:[/!?]|[^\W\d]|\Z)")
UNPLAIN = re.compile(r"[&<\t\n\r]")

COMMENT, CDATA = "<!--", "<![CDATA["


class Attribute(NamedTuple):
    """``value`` is decoded; ``verbatim`` says that it stands in the text just so, at ``value_offset``."""

    name: str
    value: str
    offset: int
    value_offset: int
    verbatim: bool


class OpenTag(NamedTuple):
    """``broken``: a fault in it has been reported, so nothing should be concluded from what it lacks."""

    name: str
    attributes: list[Attribute]
    empty: bool
    offset: int
    broken: bool


class CloseTag(NamedTuple):
    name: str
    offset: int


class RawText(NamedTuple):
    """Text between tags; entities in it are not decoded yet, unless it is ``literal``."""

    text: str
    offset: int
    literal: bool


class Cut(NamedTuple):
    """The text ends inside the markup that starts at ``offset``."""

    offset: int
    message: str


Token = OpenTag | CloseTag | RawText | Cut


def is_element_name(name: str) -> bool:
    """Whether all of ``name`` is read as the name of an element or attribute."""
    return NAME.fullmatch(name) is not None


class Markup:
    """Reads tokens one after the other; ``at`` is how far it has come."""

    def __init__(self, start: int, findings: Findings, limits: Limits) -> None:
        self.at = start
        self._text = findings.source.text
        self._findings = findings
        self._limits = limits

    def tokens(self) -> Iterator[Token]:
        """The tokens up to the end of the text, comments left out; a ``Cut`` is the last one."""
        text = self._text
        while self.at < len(text):
            if opening := OPENING.match(text, self.at):
                token: Token | None = self._opening_tag(opening)
            elif MARKUP.match(text, self.at):
                token = self._other_markup()
            else:
                token = self._run_of_text()
            if token is not None:
                yield token
                if type(token) is Cut:
                    return

    def _run_of_text(self) -> RawText:
        start = self.at
        end = MARKUP.search(self._text, start)
        self.at = end.start() if end else len(self._text)
        return RawText(self._text[start : self.at], start, False)

    def _other_markup(self) -> Token | None:
        following = self._text[self.at + 1 : self.at + 2]
        if following == "/":
            return self._closing_tag()
        return self._special() if following else Cut(self.at, "the text ends after '<'")

    def _closing_tag(self) -> Token:
        start = self.at
        name = NAME.match(self._text, start + 2)
        tag = CloseTag(name[0] if name else "", start)
        at = _after_space(self._text, name.end() if name else start + 2)
        if self._text.startswith(">", at):
            self.at = at + 1
            return tag
        if at == len(self._text):
            return Cut(start, "the text ends inside a closing tag")
        self._broken("this closing tag is broken", at, "write </name>")
        return self._recover(tag, at)

    def _special(self) -> Token | None:
        text, start = self._text, self.at
        if text.startswith(COMMENT, start):
            return self._skip("-->", start + len(COMMENT), "a comment")
        if text.startswith(CDATA, start):
            return self._cdata(start + len(CDATA))
        rest = text[start : start + len(CDATA)]
        if start + len(rest) == len(text) and (COMMENT.startswith(rest) or CDATA.startswith(rest)):
            return Cut(start, "the text ends inside a comment")
        instruction = text[start + 1] == "?"
        what = "a processing instruction" if instruction else "a DOCTYPE or declaration"
        self._findings.broken("forbidden-xml", f"{what} is not allowed in a plan", start, "leave it out")
        return self._skip("?>" if instruction else ">", start + 2, what)

    def _skip(self, ending: str, start: int, what: str) -> Cut | None:
        end = self._text.find(ending, start)
        if end < 0:
            return Cut(self.at, f"the text ends inside {what}")
        self.at = end + len(ending)
        return None

    def _cdata(self, start: int) -> Token:
        cut = self._skip("]]>", start, "a CDATA section")
        return cut or RawText(self._text[start : self.at - len("]]>")], start, True)

    def _opening_tag(self, opening: re.Match[str]) -> Token:
        text, start, at, name = self._text, self.at, opening.end(), opening[1]
        attributes: list[Attribute] = []
        while found := ATTRIBUTE.match(text, at):
            at = found.end()
            attributes.append(self._attribute(found))
            if len(attributes) > self._limits.attributes:
                self._findings.stop(f"<{name}> has more than {self._limits.attributes} attributes", start)
                return OpenTag(name, attributes, True, start, True)
        end = TAG_END.match(text, at)
        if end is None:
            return self._broken_tag(OpenTag(name, attributes, False, start, True), at)
        self.at = end.end()
        repeats = len(attributes) > 1 and self._repeats(attributes)
        return OpenTag(name, attributes, end[1] == "/", start, repeats)

    def _attribute(self, found: re.Match[str]) -> Attribute:
        name, double, single = found.groups()
        raw, at = (single, found.start(3)) if double is None else (double, found.start(2))
        value = decode_attribute(raw, at, self._findings) if UNPLAIN.search(raw) else raw
        return Attribute(name, value, found.start(1), at, value is raw)

    def _broken_tag(self, tag: OpenTag, end: int) -> Token:
        """Neither an attribute nor the end of the tag stands at ``end``: the text is cut there, or broken."""
        at = _after_space(self._text, end)
        if at >= len(self._text) - 1:
            return Cut(tag.offset, f"the text ends inside <{tag.name}>")
        cut = self._cut_attribute(at) if at > end else None
        if cut is not None:
            return cut
        self._report_junk(at)
        return self._recover(tag, at)

    def _cut_attribute(self, start: int) -> Cut | None:
        """Whether the text ends within the attribute at ``start``, which is not a whole one."""
        text, name = self._text, NAME.match(self._text, start)
        if name is None:
            return None
        equals = _after_space(text, name.end())
        at = _after_space(text, equals + 1)
        if at >= len(text):
            return Cut(start, "the text ends inside an attribute")
        if text[equals] == "=" and text[at] in "\"'":
            return Cut(start, f"the value of {quoted(name[0])} has no closing quote")
        return None

    def _repeats(self, attributes: list[Attribute]) -> bool:
        names = [attribute.name for attribute in attributes]
        if len(set(names)) == len(names):
            return False
        for at, attribute in enumerate(attributes):
            if attribute.name in names[:at]:
                self._broken(
                    f"the attribute {quoted(attribute.name)} is given twice", attribute.offset, "keep one"
                )
        return True

    def _report_junk(self, at: int) -> None:
        name = NAME.match(self._text, at)
        hint = 'write attributes as name="value", with &quot; for a quote inside the value'
        self._broken(f"{quoted(name[0] if name else self._text[at])} cannot stand here in a tag", at, hint)

    def _broken(self, message: str, offset: int, hint: str) -> None:
        self._findings.broken("xml-syntax", message, offset, hint)

    def _recover(self, tag: OpenTag | CloseTag, at: int) -> Token:
        """Go on after the next ``>``, which is most likely the broken tag's own."""
        end = self._text.find(">", at)
        if end < 0:
            return Cut(tag.offset, "the text ends inside a tag")
        self.at = end + 1
        return tag._replace(empty=self._text[end - 1] == "/") if isinstance(tag, OpenTag) else tag


def _after_space(text: str, at: int) -> int:
    found = NOT_SPACE.search(text, at)
    return found.start() if found else len(text)
