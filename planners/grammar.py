"""The grammar of the plans that a kernel's functions allow, as GBNF: all that comes out parses and checks.

Steps are unrolled. What a later step may refer to depends on how many values of each sort there are, so the
state of the grammar after some steps is those counts, and variables are called by sort and count: ``TEXT1``,
``LIST2``, or ``FLIGHT1`` for a record, whose fields can be referred to as well. So references always name
something above, and of a type that fits. Whatever repeats has an end, and so has a plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Any, get_args

from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners.catalogue import alternatives, kinds_returned
from planloom.planners.kinds import Kind, kind_of, produced, taken
from planloom.planners.language.elements import is_argument_name
from planloom.planners.language.variables import INPUT, variable_key
from planloom.planners.literals import LITERAL_RULES, literal_rule, quoted
from planloom.planners.sorts import Sort, sort_of, sorts_of

__all__ = ["plan_grammar"]

MAX_STEPS = 12
MAX_ALTERNATIVES = 4000
"""Calls that the grammar spells out; beyond, fewer steps and fewer sorts of variables are allowed."""
MOST_INSIDE = 8
"""References inside one text."""
QUOTE = '"'
NEWLINE = quoted("\n")
INPUT_KEY = variable_key(INPUT)


def plan_grammar(
    functions: Iterable[KernelFunction], inputs: Sequence[str] = ("INPUT",), max_steps: int = MAX_STEPS
) -> str:
    """GBNF whose every sentence ``Plan.parse`` accepts, with the same functions and inputs, without errors.

    Loops are held to one call per element, and conditions to one comparison and one call each way. A function
    whose required parameters cannot be written safely is offered once a fitting value exists, or never.
    """
    return _made(tuple(functions), tuple(inputs), max_steps)


# A planner asks again for each plan. It takes 50 ms for 50 functions.
@lru_cache(maxsize=8)
def _made(functions: tuple[KernelFunction, ...], inputs: tuple[str, ...], max_steps: int) -> str:
    callable_functions = [function for function in functions if _is_writable(function)]
    sorts, steps = _affordable(callable_functions, max_steps)
    return _Grammar(callable_functions, inputs, sorts, steps).text()


def _affordable(functions: Sequence[KernelFunction], max_steps: int) -> tuple[tuple[Sort, ...], int]:
    """The sorts of variables to tell apart, and how many steps to allow."""
    sorts = sorts_of(functions)
    for count in range(len(sorts), 0, -1):
        for steps in range(max_steps, max_steps // 2, -1):
            if comb(steps + count, count) * (len(functions) + 1) <= MAX_ALTERNATIVES:
                return sorts[:count], steps
    return sorts[:1], max(3, min(max_steps, MAX_ALTERNATIVES // (len(functions) + 1)))


def _is_writable(function: KernelFunction) -> bool:
    return all(is_argument_name(parameter.name) for parameter in function.parameters if parameter.required)


State = tuple[int, ...]


class _Grammar:
    """Rules by name, made when they are referred to; a state is how many variables there are of each sort."""

    def __init__(
        self, functions: Sequence[KernelFunction], inputs: Sequence[str], sorts: Sequence[Sort], steps: int
    ) -> None:
        self.functions, self.inputs, self.sorts, self.steps = functions, inputs, sorts, steps
        self.plain = {sort.kind: sort for sort in sorts if not sort.fields}
        self.rules = dict(LITERAL_RULES)
        self.item = _element_kind(functions) if "LIST" in self.plain else None
        self.shared: dict[str, str] = {}
        self.teaches_conditions = bool(kinds_returned(functions))
        self.prefix = "V_" if any(_clashes(name, sorts) for name in inputs) else ""
        self.returned = {id(function): sort_of(function.returns, sorts) for function in functions}
        self.literals = {
            id(parameter): literal_rule(parameter)
            for function in functions
            for parameter in function.parameters
        }

    def text(self) -> str:
        start = self.next_rule((0,) * len(self.sorts), 0, first=True)
        lines = [f'root ::= "<plan/>" | "<plan>\\n" {start}']
        return "\n".join([*lines, *(f"{name} ::= {body}" for name, body in self.rules.items())]) + "\n"

    # -- steps -----------------------------------------------------------------------------------------

    def next_rule(self, state: State, done: int, first: bool = False) -> str:
        """What may follow ``done`` steps: the end, or another step."""
        end = quoted("</plan>")
        if done == self.steps:
            return end
        name = f"s{done}-{'-'.join(map(str, state))}"
        if name not in self.rules:
            self.rules[name] = ""  # so that its own steps do not make it again
            steps = [
                *self.calls(state, done),
                self.ask(state, done),
                *self.loops(state, done),
                *self.decisions(state, done),
            ]
            self.rules[name] = " | ".join(steps if first else [end, *steps])
        return name

    def calls(self, state: State, done: int) -> Iterator[str]:
        for sort, body in self.bodies(state).items():
            after, kept = self.keep(state, done, sort)
            yield f"{quoted('  ')} {body} {kept} {NEWLINE} {self.next_rule(after, done + 1)}"

    def bodies(self, state: State) -> dict[Sort | None, str]:
        """The calls that can be written here, by the sort that they give."""
        groups: dict[Sort | None, list[str]] = {}
        for function in self.functions:
            call = self.call(function, self.references(state))
            if call is not None:
                groups.setdefault(self.returned[id(function)], []).append(call)
        return {sort: self.share(" | ".join(calls)) for sort, calls in groups.items()}

    def ask(self, state: State, done: int) -> str:
        answer = self.plain["TEXT"]
        after = self.added(state, answer)
        opening = quoted(f'  <ask setContextVariable="{self.variable(answer, after)}" question="')
        return f"{opening} filled-text {quoted(QUOTE + '/>')} {NEWLINE} {self.next_rule(after, done + 1)}"

    def loops(self, state: State, done: int) -> Iterator[str]:
        """One call for each element of a list; its outputs are a list themselves."""
        listed = self.plain.get("LIST")
        given = [name for name in self.inputs if variable_key(name) != INPUT_KEY]  # that one is a text
        names = [*given, *self.names(state, {"LIST"})]
        if self.item is None or listed is None or not names:
            return
        after = self.added(state, listed)
        item = f"{self.prefix}ITEM{done + 1}"
        giving = [function for function in self.functions if produced(function.returns)]
        bodies = [call for function in giving if (call := self.call(function, self.references(state, item)))]
        if bodies:
            opening = quoted(f'  <foreach item="{item}" in="$')
            lists = self.share(" | ".join(map(quoted, names)))
            body = self.share(" | ".join(bodies))
            kept = quoted(f' setContextVariable="{self.variable(listed, after)}"/>')
            yield (
                f"{opening} {lists} {quoted(QUOTE + '>')} {NEWLINE} {quoted('    ')} {body} {kept} {NEWLINE} "
                f"{quoted('  </foreach>')} {NEWLINE} {self.next_rule(after, done + 1)}"
            )

    def decisions(self, state: State, done: int) -> Iterator[str]:
        """One call if a condition holds, and perhaps another if it does not. Nothing is kept of them.

        As in the prompt, only where functions give more than texts.
        """
        condition = self.condition(state) if self.teaches_conditions else None
        bodies = self.bodies(state).values()
        if condition and bodies:
            body = self.share(" | ".join(bodies))
            yield (
                f"{quoted(f'  <if condition={QUOTE}')} {condition} {quoted(QUOTE + '>')} {NEWLINE} "
                f"{self.branch(body, f'IF{done + 1}')} {quoted('  </if>')} {NEWLINE} "
                f"({quoted('  <else>')} {NEWLINE} {self.branch(body, f'ELSE{done + 1}')} "
                f"{quoted('  </else>')} {NEWLINE})? {self.next_rule(state, done + 1)}"
            )

    def branch(self, body: str, name: str) -> str:
        returned = quoted(f' appendToResult="RESULT__{name}"')
        return f"{quoted('    ')} {body} ({returned})? {quoted('/>')} {NEWLINE}"

    def condition(self, state: State) -> str | None:
        """A comparison of an input or variable with a literal; None where there is neither."""
        truths = [name for sort, variable in self.variables(state) for name in sort.truth_values(variable)]
        numbers = [name for name in self.names(state, {"NUMBER"}) if name not in truths]
        tests = [
            ([*self.inputs, *self.names(state, {"TEXT"})], '"$" {0} text-test | containing {0}'),
            (numbers, '"not $" {0} | "$" {0} number-test'),
            (truths, '"not "? "$" {0} | "$" {0} truth-test'),
            (self.names(state, {"LIST", "OBJECT"}), '"not "? "$" {0}'),
        ]
        options = [test.format(self.share(" | ".join(map(quoted, names)))) for names, test in tests if names]
        return self.share(" | ".join(options)) if options else None

    def keep(self, state: State, done: int, sort: Sort | None) -> tuple[State, str]:
        """The state after a call, and the attributes that keep or return its output."""
        after = self.added(state, sort) if sort else state
        variable = self.variable(sort, after) if sort else str(done + 1)
        kept = quoted(f' setContextVariable="{variable}"') + " " if sort else ""
        returned = quoted(f' appendToResult="RESULT__{variable}"')
        return after, self.share(f"{kept}({returned})? {quoted('/>')}")

    def share(self, body: str) -> str:
        """The name of a rule with this body; equal bodies are one rule."""
        name = self.shared.setdefault(body, f"x{len(self.shared)}")
        self.rules[name] = body
        return name

    def added(self, state: State, sort: Sort) -> State:
        place = self.sorts.index(sort)
        return (*state[:place], state[place] + 1, *state[place + 1 :])

    # -- references ------------------------------------------------------------------------------------

    def variable(self, sort: Sort, state: State) -> str:
        """The latest variable of a sort."""
        return self.named(sort, state[self.sorts.index(sort)])

    def named(self, sort: Sort, number: int) -> str:
        return f"{self.prefix}{sort.stem}{number}"

    def names(self, state: State, kinds: Set[Kind]) -> list[str]:
        """The variables, and fields of records, that are of these kinds."""
        return [name for sort, variable in self.variables(state) for name in sort.references(variable, kinds)]

    def variables(self, state: State) -> Iterator[tuple[Sort, str]]:
        """All variables, by sort and then by number."""
        for sort, count in zip(self.sorts, state, strict=True):
            yield from ((sort, self.named(sort, number)) for number in range(1, count + 1))

    def references(self, state: State, item: str = "") -> _References:
        """What a parameter may refer to: the inputs, and the variables of kinds that it takes."""
        return _References(self, state, item)

    # -- arguments -------------------------------------------------------------------------------------

    def call(self, function: KernelFunction, references: _References) -> str | None:
        """A call's name and arguments in the order of the signature; None if one cannot be written here."""
        parts = [quoted(f"<function.{function.full_name}")]
        for parameter in function.parameters:
            value = self.value(parameter, references) if is_argument_name(parameter.name) else None
            if value is None and parameter.required:
                return None
            if value is not None:
                written = f"{quoted(f' {parameter.name}={QUOTE}')} {value} {quoted(QUOTE)}"
                parts.append(written if parameter.required else f"({written})?")
        return self.share(" ".join(parts))

    def value(self, parameter: Parameter, references: _References) -> str | None:
        literal = self.literals[id(parameter)]
        if literal is not None and literal.startswith("("):
            return self.share(literal[1:-1])
        known = references.rule(taken(parameter.annotation))
        options = [literal] if literal else []
        if known:
            options.append(f'"$" {known}')
            if literal == "text":
                options = [f'piece ("${{" {known} "}}" piece){{0,{MOST_INSIDE}}}', options[-1]]
        return self.share(" | ".join(options)) if options else None


@dataclass(frozen=True)
class _References:
    """The names that may be referred to at one place; ``item`` is a loop's element, if it is in one."""

    grammar: _Grammar
    state: State
    item: str = ""

    def rule(self, kinds: frozenset[Kind]) -> str | None:
        """The rule of the names that are of these kinds; None if there is no name."""
        element = [self.item] if self.item and self.grammar.item in kinds else []
        names = [*self.grammar.inputs, *element, *self.grammar.names(self.state, kinds)]
        return self.grammar.share(" | ".join(map(quoted, names))) if names else None


def _element_kind(functions: Sequence[KernelFunction]) -> Kind | None:
    """The kind as which elements of any of the lists may be passed; None if there is none."""
    parts = [
        part for function in functions for part in alternatives(function.returns) if kind_of(part) == "LIST"
    ]
    kinds = {produced((get_args(part) or (Any,))[0]) for part in parts}
    special = kinds - {"TEXT"}
    return "TEXT" if not special else special.pop() if len(special) == 1 and "" not in special else None


def _clashes(name: str, sorts: Sequence[Sort]) -> bool:
    """Whether an input is called as the grammar calls its variables."""
    bare = variable_key(name).rstrip("0123456789")
    return bare == "item" or any(bare.upper() == sort.stem for sort in sorts)
