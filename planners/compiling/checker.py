"""The checker: a plan's tree against a kernel's functions. Every fault is told; what is right is compiled."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from planloom.function import KernelFunction
from planloom.functions import FunctionsView
from planloom.planners.compiling import getters
from planloom.planners.compiling.binding import bind_call
from planloom.planners.compiling.names import Names, wait_for
from planloom.planners.compiling.ordering import add_effect_order, find_cycle
from planloom.planners.compiling.outline import BodyDraft, Draft, all_drafts, outline, resolve
from planloom.planners.compiling.program import (
    AskUnit,
    Body,
    CallUnit,
    DecideUnit,
    Export,
    Getter,
    InputNeed,
    JoinUnit,
    LoopUnit,
    Program,
    ResultUnit,
    Step,
    Unit,
)
from planloom.planners.errors import ConditionSyntaxError
from planloom.planners.language.conditions import evaluate, parse_condition
from planloom.planners.language.diagnostic import Diagnostic
from planloom.planners.language.expressions import references_in
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


class _Checker:
    def __init__(self, tree: PlanTree, functions: FunctionsView, inputs: Collection[str] | None) -> None:
        self.top = outline(tree)
        self.functions = functions
        self.diagnostics: list[Diagnostic] = []
        self.calls: dict[Draft, KernelFunction] = {}
        self.units: dict[Draft, Unit] = {}
        self.names = Names(self.calls, inputs)

    def check(self) -> Checked:
        drafts = list(all_drafts(self.top))
        for draft in drafts:
            self._find_function(draft)
        steps = {draft: self._step(draft) for draft in drafts if draft.number}
        for draft in drafts:
            self._bind(draft, steps.get(draft))
        cycle = find_cycle(self.top)
        if cycle is not None:
            self._add(Diagnostic.error("cycle", "this step waits for itself", _place(cycle)))
        needs = tuple(self.names.needs.values())
        if any(item.severity == "error" for item in self.diagnostics):
            return Checked(None, tuple(steps.values()), needs, self._found())
        add_effect_order(self.top)
        steps = {draft: replace(step, needs=_step_needs(draft)) for draft, step in steps.items()}
        return Checked(self._program(steps, needs), tuple(steps.values()), needs, self._found())

    def _found(self) -> tuple[Diagnostic, ...]:
        return tuple(sorted(self.diagnostics, key=lambda item: (item.line, item.column)))

    def _add(self, diagnostic: Diagnostic) -> None:
        self.diagnostics.append(diagnostic)

    # -- each kind of unit -------------------------------------------------------------------------------

    def _find_function(self, draft: Draft) -> None:
        node = draft.node
        if isinstance(node, Call | Ask) and node.sets:
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
        close = self.functions.nearest(node.function)
        hint = (
            f"did you mean {self.functions[close[0]].signature()}?" if close else "it is not in this kernel"
        )
        return Diagnostic.error("unknown-function", f"there is no function {node.function}", node.place, hint)

    def _step(self, draft: Draft) -> Step:
        node = draft.node
        if isinstance(node, Ask):
            arguments = {"question": node.question}
            return Step(
                draft.number, "ask", "ask", arguments, node.sets, under=_under(draft), place=node.place
            )
        assert isinstance(node, Call)
        function = self.calls.get(draft)
        return Step(
            number=draft.number,
            kind="function",
            name=function.full_name if function else node.function,
            arguments={argument.name: argument.text for argument in node.arguments},
            sets=node.sets,
            appends=node.appends,
            under=_under(draft),
            function=function,
            place=node.place,
        )

    def _bind(self, draft: Draft, step: Step | None) -> None:
        node = draft.node
        if isinstance(node, Call) and step is not None:
            self._bind_after(node, draft)
            if draft in self.calls:
                self._bind_call(node, draft, step)
        elif isinstance(node, Ask) and step is not None:
            question = self._value(node.question, draft, node.place)
            self.units[draft] = AskUnit(step, _as_text(question), variable_key(node.sets))
        elif isinstance(node, If):
            self._bind_condition(node, draft)
        elif isinstance(node, ForEach):
            self._bind_loop(node, draft)
        elif isinstance(node, Result):
            value = self._value(node.value, draft, node.place)
            self.units[draft] = ResultUnit(node.name, value, node.place)

    def _bind_call(self, node: Call, draft: Draft, step: Step) -> None:
        for found in bind_call(node, draft, self.calls[draft], self.names, step):
            if isinstance(found, Diagnostic):
                self._add(found)
            else:
                self.units[draft] = found

    def _bind_after(self, node: Call, draft: Draft) -> None:
        for name in node.after:
            found = resolve(variable_key(name), draft)
            if not found.settings:
                hint = f"there are: {', '.join(self.names.known.values()) or 'none'}"
                message = f"after={name!r}: no step sets it"
                self._add(Diagnostic.error("undefined-variable", message, node.place, hint))
            wait_for(draft, found)

    def _bind_condition(self, node: If, draft: Draft) -> None:
        try:
            expression = parse_condition(node.condition)
        except ConditionSyntaxError as error:
            self._add(Diagnostic.error("bad-condition", str(error), node.place))
            return
        values: dict[Reference, Getter] = {}
        for reference in references_in(expression):
            values[reference], faults = self.names.getter(reference, draft, node.place)
            self.diagnostics.extend(faults)

        def decide(scope: Any) -> bool:
            return evaluate(expression, lambda reference: values[reference](scope))

        self.units[draft] = DecideUnit(decide, node.condition, node.place)

    def _bind_loop(self, node: ForEach, draft: Draft) -> None:
        source = self._value(node.source, draft, node.place)
        assert draft.inner is not None
        # the body's units are compiled after the loop itself, so the real body is put in by _program
        self.units[draft] = LoopUnit(source, EMPTY, (), node.place)

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
        getter, faults = self.names.getter(reference, draft, place)
        self.diagnostics.extend(faults)
        return getter

    # -- putting it together -----------------------------------------------------------------------------

    def _program(self, steps: dict[Draft, Step], needs: tuple[InputNeed, ...]) -> Program:
        for draft, unit in self.units.items():
            if isinstance(unit, CallUnit | AskUnit):
                self.units[draft] = replace(unit, step=steps[draft])
        asks = tuple(unit for unit in self.units.values() if isinstance(unit, AskUnit))
        return Program(self._body(self.top), needs, _exports(self.top), self.names.known, asks)

    def _body(self, body: BodyDraft) -> Body:
        dependents: list[list[int]] = [[] for _ in body.drafts]
        counts = []
        for draft in body.drafts:
            here = {unit for up, unit in draft.needs if up == 0} | {unit for unit, _ in draft.guards[-1:]}
            counts.append(len(here))
            for unit in sorted(here):
                dependents[unit].append(draft.index)
        return Body(
            units=tuple(self._unit(draft) for draft in body.drafts),
            counts=tuple(counts),
            dependents=tuple(tuple(waiting) for waiting in dependents),
            outer=tuple(tuple(need for need in draft.needs if need[0]) for draft in body.drafts),
            earlier=tuple(tuple(draft.previous) for draft in body.drafts),
            guards=tuple(draft.guards[-1] if draft.guards else None for draft in body.drafts),
            appends=tuple(_appends(draft) for draft in body.drafts),
        )

    def _unit(self, draft: Draft) -> Unit:
        if draft.node is None:
            return JoinUnit()
        unit = self.units[draft]
        if isinstance(unit, LoopUnit) and draft.inner is not None:
            return replace(unit, body=self._body(draft.inner), exports=_exports(draft.inner))
        return unit


EMPTY = Body((), (), (), (), (), (), ())


def _exports(body: BodyDraft) -> tuple[Export, ...]:
    return tuple(
        (name, tuple((setting.draft.index, setting.export) for setting in reversed(settings)))
        for name, settings in body.settings.items()
    )


def _as_text(getter: Getter) -> Getter:
    return getters.joined((getter,))


def _appends(draft: Draft) -> str | None:
    if isinstance(draft.node, Call):
        return draft.node.appends
    return draft.node.name if isinstance(draft.node, Result) else None


def _place(draft: Draft) -> Place:
    return draft.node.place if draft.node else Place()


def _under(draft: Draft) -> tuple[str, ...]:
    """The elements around a draft in words, outermost first."""
    words = [_guard_words(draft.body, guard) for guard in draft.guards]
    loop = draft.body.loop
    if loop is None or not isinstance(loop.node, ForEach):
        return tuple(words)
    return (*_under(loop), f"foreach ${loop.node.item} in {loop.node.source}", *words)


def _guard_words(body: BodyDraft, guard: tuple[int, bool]) -> str:
    node = body.drafts[guard[0]].node
    condition = node.condition if isinstance(node, If) else ""
    return f"if {condition}" if guard[1] else f"else of {condition}"


def _step_needs(draft: Draft) -> tuple[int, ...]:
    """The numbers of the steps that a step waits for, loops and conditions seen through."""
    return tuple(sorted(set(_numbers(draft)) - {draft.number}))


def _numbers(draft: Draft) -> Iterator[int]:
    bodies = list(draft.body.chain())
    for up, unit in draft.needs:
        yield from _steps_of(bodies[up].drafts[unit])
    for unit, _ in draft.guards:
        yield from _numbers(draft.body.drafts[unit])
    if draft.body.loop is not None:
        yield from _numbers(draft.body.loop)


def _steps_of(draft: Draft) -> Iterator[int]:
    """The steps that a unit stands for: itself, or all inside a loop."""
    if draft.number:
        yield draft.number
    elif draft.inner is not None:
        yield from (inner.number for inner in all_drafts(draft.inner) if inner.number)
    elif draft.node is None or isinstance(draft.node, If):
        for up, unit in draft.needs:
            if up == 0:
                yield from _steps_of(draft.body.drafts[unit])
