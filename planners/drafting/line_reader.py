"""A line of a draft as a call, with the calls inside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners.choices.clauses import Piece, mentions
from planloom.planners.choices.draft import Asked, DraftCall, Given, Literal, Output, Source
from planloom.planners.choices.judge import label as words_for
from planloom.planners.drafting.copies import without_article
from planloom.planners.drafting.line_grammar import Labels
from planloom.planners.literals import choices_of

__all__ = ["read_line"]

NAME = re.compile(r"[^\s()=]+")
FIELD = re.compile(r"\.([^\s()]+)")
LITERAL = re.compile(r'"([^"]*)"')
REFERENCE = re.compile(r"\$([^\s().]+)(?:\.([^\s()]+))?")


def read_line(
    line: str, functions: Mapping[str, KernelFunction], inputs: Sequence[str], labels: Labels, goal: Piece
) -> DraftCall:
    """The call that a line of ``line_grammar`` says.

    Raises:
        ValueError: the line is not of that grammar; a service that was given it does not write such a line.
    """
    reader = _Reader(line.rstrip("\n"), functions, inputs, labels, goal)
    call = reader.call()
    if reader.at != len(reader.text):
        raise reader.wrong()
    return call


@dataclass
class _Reader:
    text: str
    functions: Mapping[str, KernelFunction]
    inputs: Sequence[str]
    labels: Labels
    goal: Piece
    at: int = 0

    def wrong(self) -> ValueError:
        return ValueError(f"not a line of a draft, from character {self.at + 1}: {self.text!r}")

    def call(self) -> DraftCall:
        function = self.functions.get(self.take(NAME)[0])
        if function is None:
            raise self.wrong()
        values: dict[str, Source] = {}
        while self.skip(" "):
            parameter = function.parameter(self.take(NAME)[0])
            if parameter is None or not self.skip("="):
                raise self.wrong()
            values[parameter.name] = self.value(parameter)
        return DraftCall(function, values, self.goal)

    def value(self, parameter: Parameter) -> Source:
        if self.skip("("):
            call = self.call()
            if not self.skip(")"):
                raise self.wrong()
            field = FIELD.match(self.text, self.at)
            return Output(call, self.take(FIELD)[1] if field else "")
        if self.skip("?"):
            return Asked(f"{words_for(parameter)}?")
        if self.text.startswith("$", self.at):
            return self.reference()
        text = self.take(LITERAL)[1]
        return Literal(text) if choices_of(parameter) else self.literal(without_article(text))

    def literal(self, text: str) -> Source:
        """The text, or the input that it is the name of: "the meeting point"."""
        named = next((name for name in self.inputs if mentions(text, name)), None)
        return Given(named) if named else Literal(text)

    def reference(self) -> Source:
        found = self.take(REFERENCE)
        if found[1] in self.labels:
            return Output(self.labels[found[1]], found[2] or "")
        if found[1] not in self.inputs or found[2]:
            raise self.wrong()
        return Given(found[1])

    def take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise self.wrong()
        self.at = found.end()
        return found

    def skip(self, mark: str) -> bool:
        """Whether ``mark`` comes next; if so, it is passed."""
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True
