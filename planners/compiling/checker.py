"""The checker: a plan's tree against a kernel's functions. Every fault is told; what is right is compiled."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from planloom.function import KernelFunction
from planloom.functions import FunctionsView
from planloom.planners.compiling import getters
from planloom.planners.compiling.assembly import Part, assemble, step_needs, words_around
from planloom.planners.compiling.binding import bind_call
from planloom.planners.compiling.names import MOST_HINTS, Names, too_many, wait_for
from planloom.planners.compiling.ordering import add_effect_order, sort_by_data
from planloom.planners.compiling.outline import Draft, all_drafts, outline, resolve
from planloom.planners.compiling.program import Getter, InputNeed, Program, Step
from planloom.planners.errors import ConditionSyntaxError
from planloom.planners.language.conditions import evaluate, parse_condition
from planloom.planners.language.diagnostic import Diagnostic
from planloom.planners.language.expressions import references_in
from planloom.planners.language.limits import Limits
from planloom.planners.language.nodes import Ask, Call, ForEach, If, Place, PlanTree, Result
from planloom.planners.language.references import Reference, ReferenceSyntaxError, Text, parse_value
from planloom.planners.language.variables import variable_key

__all__ = ["Checked", "check"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking found; ``program`` is None when there are errors."""

    program: Program | None
    steps: tuple[Step, ...]
    needs: tuple[InputNeed, ...]
    diagnostics: tuple[Diagnostic, ...]


def check(tree: PlanTree, functions: FunctionsView, inputs: Collection[str] | None = None) -> Checked:
    """Check ``tree`` and compile it.

    Args:
        functions: what the plan may call.
        inputs: the names of the inputs that a run will have; None when that is not known yet.
    """
    return _Checker(tree, functions, inputs).check()


MOST_ERRORS = Limits().faults


class TooManyErrors(Exception):
    """Checking has found more errors than anyone will read."""


class _Checker:
    def __init__(self, tree: PlanTree, functions: FunctionsView, inputs: Collection[str] | None) -> None:
        self.top = outline(tree)
        self.functions = functions
        self.diagnostics: list[Diagnostic] = []
        self.calls: dict[Draft, KernelFunction] = {}
        self.parts: dict[Draft, Part] = {}
        self.errors = 0
        self.names = Names(self.calls, inputs)

    def check(self) -> Checked:
        drafts = list(all_drafts(self.top))
        try:
            self._look_at(drafts)
        except TooManyErrors:
            last = max(self.diagnostics, key=lambda item: (item.line, item.column))
            message = f"there are more errors than these {MOST_ERRORS}; begin with the first"
            place = Place(last.line, last.column)
            self.diagnostics.append(Diagnostic.error("limit-exceeded", message, place))
        needs = tuple(self.names.needs.values())
        if self.errors:
            return Checked(None, (), needs, self._sorted())
        add_effect_order(self.top)
        steps = {draft: self._step(draft) for draft in drafts if draft.number}
        program = assemble(self.top, steps, self.parts, needs, self.names.known)
        return Checked(program, tuple(steps.values()), needs, self._sorted())

    def _look_at(self, drafts: list[Draft]) -> None:
        for draft in drafts:
            self._find_function(draft)
        for draft in drafts:
            self._bind(draft)
        cycle = sort_by_data(self.top)
        if cycle is not None:
            place = cycle.node.place if cycle.node else Place()
            self._add(Diagnostic.error("cycle", "this step waits for itself", place))

    def _sorted(self) -> tuple[Diagnostic, ...]:
        return tuple(sorted(self.diagnostics, key=lambda item: (item.line, item.column)))

    def _add(self, diagnostic: Diagnostic) -> None:
        self.diagnostics.append(diagnostic)
        self.errors += diagnostic.is_error
        if self.errors >= MOST_ERRORS:
            raise TooManyErrors

    # -- each kind of unit -------------------------------------------------------------------------------

    def _find_function(self, draft: Draft) -> None:
        node = draft.node
        if isinstance(node, (Call, Ask)) and node.sets:
            self.names.known.setdefault(variable_key(node.sets), node.sets)
        if not isinstance(node, Call):
            return
        function = self.functions.find(node.function)
        if function is None:
            self._add(self._unknown_function(node))
            return
        self.calls[draft] = function
        if function.effect != "none":
            draft.accesses = dict.fromkeys(function.resources, function.effect == "write")

    def _unknown_function(self, node: Call) -> Diagnostic:
        close = self.functions.nearest(node.function) if self.errors < MOST_HINTS else ()
        hint = (
            f"did you mean {self.functions[close[0]].signature()}?" if close else "it is not in this kernel"
        )
        return Diagnostic.error("unknown-function", f"there is no function {node.function}", node.place, hint)

    def _step(self, draft: Draft) -> Step:
        node = draft.node
        assert isinstance(node, Call | Ask)
        if isinstance(node, Ask):
            arguments = {"question": node.question}
        else:
            arguments = {argument.name: argument.text for argument in node.arguments}
        function = self.calls.get(draft)
        return Step(
            number=draft.number,
            label=str(draft.number),
            kind="ask" if function is None else "function",
            name="ask" if function is None else function.full_name,
            arguments=arguments,
            sets=node.sets,
            appends=None if isinstance(node, Ask) else node.appends,
            needs=step_needs(draft),
            under=words_around(draft),
            function=function,
            place=node.place,
        )

    def _bind(self, draft: Draft) -> None:
        node = draft.node
        if isinstance(node, Call):
            self._bind_after(node, draft)
            if draft in self.calls:
                self._bind_call(node, draft)
        elif isinstance(node, Ask):
            self.parts[draft] = getters.joined((self._value(node.question, draft, node.place),))
        elif isinstance(node, If):
            self._bind_condition(node, draft)
        elif isinstance(node, ForEach):
            self.parts[draft] = self._value(node.source, draft, node.place)
        elif isinstance(node, Result):
            self.parts[draft] = self._value(node.value, draft, node.place)

    def _bind_call(self, node: Call, draft: Draft) -> None:
        self.parts[draft] = bind_call(node, draft, self.calls[draft], self.names, self._add)

    def _bind_after(self, node: Call, draft: Draft) -> None:
        for name in node.after:
            found = resolve(variable_key(name), draft)
            if not found.settings:
                hint = f"there are: {', '.join(self.names.known.values()) or 'none'}"
                message = f"after={name!r}: no step sets it"
                self._add(Diagnostic.error("undefined-variable", message, node.place, hint))
            if found.too_many:
                self._add(too_many(f"${name}", node.place))
            wait_for(draft, found)

    def _bind_condition(self, node: If, draft: Draft) -> None:
        try:
            expression = parse_condition(node.condition)
        except ConditionSyntaxError as error:
            self._add(Diagnostic.error("bad-condition", str(error), node.place))
            return
        values: dict[Reference, Getter] = {}
        for reference in references_in(expression):
            values[reference] = self._reference(reference, draft, node.place)

        def decide(scope: Any) -> bool:
            return evaluate(expression, lambda reference: values[reference](scope))

        self.parts[draft] = decide

    def _value(self, text: str, draft: Draft, place: Place) -> Getter:
        """The getter of an untyped value: a reference's object, or text."""
        try:
            value = parse_value(text)
        except ReferenceSyntaxError as error:
            self._add(Diagnostic.error("bad-reference", str(error), place))
            return lambda scope: None
        if isinstance(value, Text):
            literal = value.text
            return lambda scope: literal
        if isinstance(value, Reference):
            return self._reference(value, draft, place)
        parts = (
            part if isinstance(part, str) else self._reference(part, draft, place) for part in value.parts
        )
        return getters.joined(tuple(parts))

    def _reference(self, reference: Reference, draft: Draft, place: Place) -> Getter:
        return self.names.getter(reference, draft, place, self._add)
