"""What the next line of a draft may be, as GBNF: a call whose arguments exist and fit, or nothing more."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners.choices.draft import DraftCall, acts
from planloom.planners.choices.lookups import has_own_type, may_give
from planloom.planners.drafting.copies import Said
from planloom.planners.drafting.prompt import NOTHING
from planloom.planners.kinds import fits, is_record, produced, record_fields
from planloom.planners.language.elements import is_argument_name
from planloom.planners.literals import choices_of, literal_rule, quoted, reads

__all__ = ["ASK", "TEXTS", "Labels", "Lines", "fields_for", "label", "may_be_passed", "next_lines"]

ASK = "?"
NUMBERS = ("natural", "positive", "integer", "number")
TEXTS = ("text", "filled-text")
ASKABLE = (*NUMBERS, *TEXTS)
DEEPEST = 3
"""Calls within calls."""

Labels = Mapping[str, DraftCall]
"""What outputs of earlier lines are called."""


def label(function: str, taken: Collection[str]) -> str:
    """A name for an output of a function: the function's own, with a number from the second on."""
    numbered = (f"{function}{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (function, *numbered) if name not in taken)


@dataclass(frozen=True)
class Lines:
    """The lines that may come next: ``calls`` are in GBNF, by the name of the function that is called."""

    calls: Mapping[str, str]
    end: str
    """The line that ends a draft: at its start that nothing can be done, later none at all."""
    rules: Mapping[str, str]

    def grammar(self, name: str = "") -> str:
        """GBNF of one line, with its newline: any that may come next, or one that calls ``name``."""
        lines = [f'{written} "\\n"' for called, written in self.calls.items() if name in ("", called)]
        root = " | ".join(lines if name else [quoted(self.end), *lines])
        bodies = (f"{rule} ::= {body}\n" for rule, body in self.rules.items())
        return f"root ::= {root}\n{''.join(bodies)}"


def next_lines(
    functions: Sequence[KernelFunction], inputs: Sequence[str], labels: Labels, said: Said
) -> Lines:
    """The lines that may follow those whose outputs are ``labels``."""
    rules = dict(said.copies)
    line = _Line(functions, inputs, labels, said, rules)
    written = {function.full_name: line.call(function, DEEPEST) for function in functions}
    calls = {name: call for name, call in written.items() if call}
    return Lines(calls, "" if labels else NOTHING, rules)


@dataclass(frozen=True)
class _Line:
    """What may be said in a line; ``rules`` grow as they are needed."""

    functions: Sequence[KernelFunction]
    inputs: Sequence[str]
    labels: Labels
    said: Said
    rules: dict[str, str]

    def call(self, function: KernelFunction, depth: int) -> str | None:
        """A call with its arguments in the order of the signature; None if one cannot be given."""
        parts = [quoted(function.full_name)]
        for parameter in function.parameters:
            values = list(self.values(parameter, function, depth)) if is_argument_name(parameter.name) else []
            if not values and parameter.required:
                return None
            if values:
                argument = f"{quoted(f' {parameter.name}=')} ({' | '.join(values)})"
                parts.append(argument if parameter.required else f"({argument})?")
        return " ".join(parts)

    def values(self, parameter: Parameter, function: KernelFunction, depth: int) -> Iterator[str]:
        literal = self.literal(parameter)
        if literal:
            yield f'"\\"" ({literal}) "\\""'
        yield from (quoted(f"${name}") for name in self.references(parameter))
        if literal or literal_rule(parameter) in ASKABLE:
            yield quoted(ASK)
        if depth:
            yield from self.nested(parameter, function, depth - 1)

    def nested(self, parameter: Parameter, function: KernelFunction, depth: int) -> Iterator[str]:
        """Calls in brackets, and fields of them, that give what the parameter takes."""
        for giving in self.functions:
            if giving is function or acts(giving):
                continue
            ends = [f".{field}" for field in fields_for(giving, parameter)]
            if may_be_passed(giving, parameter):
                ends.append("")
            name = self.rule(giving, depth) if ends else None
            if name:
                yield f'"(" {name} ({" | ".join(quoted(f"){end}") for end in ends)})'

    def rule(self, function: KernelFunction, depth: int) -> str | None:
        """The name of the rule for a call in brackets; None if it cannot be made."""
        name = f"call-{depth}-{self.functions.index(function)}"
        if name not in self.rules:
            written = self.call(function, depth)
            if written is None:
                return None
            self.rules[name] = written
        return name

    def literal(self, parameter: Parameter) -> str:
        """What may stand between quotes; empty if only a reference will do."""
        closed = choices_of(parameter)
        if closed:
            return " | ".join(quoted(choice) for choice in closed if '"' not in choice)
        rule = literal_rule(parameter) or ""
        if rule in NUMBERS or rule.startswith("("):
            return " | ".join(quoted(number) for number in self.said.numbers if reads(parameter, number))
        return "copy" if rule in TEXTS and self.said.copies else ""

    def references(self, parameter: Parameter) -> Iterator[str]:
        """The inputs, and the outputs and their fields that are of a type that fits."""
        if not has_own_type(parameter):
            yield from self.inputs
        for name, call in self.labels.items():
            if may_be_passed(call.function, parameter):
                yield name
            yield from (f"{name}.{field}" for field in fields_for(call.function, parameter))


def fields_for(function: KernelFunction, parameter: Parameter) -> list[str]:
    """The fields of a function's output that a parameter takes."""
    if has_own_type(parameter):
        return []
    fields = record_fields(function.returns).items()
    return [field for field, kind in fields if _fits(kind, parameter)]


def may_be_passed(function: KernelFunction, parameter: Parameter) -> bool:
    """Whether a parameter takes a function's whole output."""
    if has_own_type(parameter):
        return may_give(function, parameter)
    return _fits(function.returns, parameter) and not is_record(function.returns)


def _fits(returned: Any, parameter: Parameter) -> bool:
    """Whether the types fit; a text may hold a list, but is not likely to."""
    wanted = produced(parameter.annotation)
    hopeful = wanted in ("LIST", "OBJECT") and produced(returned) != wanted
    return fits(returned, parameter.annotation) and not hopeful
