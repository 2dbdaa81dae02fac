"""Provenance: the sources that each value of a plan can come from, worked out from its text.

The plan is fixed before it runs, so where a value can come from is too: nothing is tracked while it runs. A
value that is set in two branches can come from both. Sets of sources are bit masks, so that a plan of 10,000
steps needs as many numbers and not as many sets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from planloom.annotation import hides_value
from planloom.function import KernelFunction
from planloom.planners.compiling.outline import (
    PREVIOUS,
    Draft,
    Found,
    all_drafts,
    outline,
    resolve,
)
from planloom.planners.compiling.program import Step
from planloom.planners.compiling.sources import LITERAL, MODEL, Source
from planloom.planners.errors import ConditionSyntaxError
from planloom.planners.language.conditions import parse_condition
from planloom.planners.language.expressions import references_in
from planloom.planners.language.nodes import Ask, Call, ForEach, If, PlanTree, Result
from planloom.planners.language.references import Reference, Template, parse_value, references_of
from planloom.planners.language.variables import INPUT, variable_key

__all__ = ["Mode", "Provenance", "function_source"]

Mode = Literal["data", "strict", "secrecy"]
"""What a value carries on: ``data`` follows values; ``strict`` also the conditions and lists that decide
whether and how often a step runs; ``secrecy`` follows values, but not through functions that declare their
output to be no secret."""


class Provenance:
    """Where the values of one plan can come from.

    Args:
        tree: a plan that was checked.
        steps: its steps, with their functions.
        inputs: the names of the plan's inputs, those that a parameter left out may take included.
        mode: see ``Mode``.
    """

    def __init__(self, tree: PlanTree, steps: Sequence[Step], inputs: Collection[str], mode: Mode) -> None:
        self.steps, self.mode = steps, mode
        self.inputs = {variable_key(name): name for name in inputs}
        self._bits: dict[Source, int] = {}
        self._top = outline(tree)
        self._origins = {draft: _Origins(self, draft) for draft in all_drafts(self._top)}
        self._masks = _solved({draft: origins.whole() for draft, origins in self._origins.items()})
        self._by_number = {draft.number: draft for draft in self._origins if draft.number}
        self.returned: dict[str, tuple[Draft, ...]] = {}
        """The drafts whose values are returned, by result."""
        for draft in self._origins:
            if name := _returned_as(draft):
                self.returned[name] = (*self.returned.get(name, ()), draft)

    def arguments(self, number: int) -> dict[str, int]:
        """The mask of each argument of a step, by the names that plans use."""
        draft = self._by_number[number]
        around = self._mask(self._origins[draft].around())
        return {name: self._mask(flow) | around for name, flow in self._origins[draft].arguments.items()}

    def output(self, number: int) -> int:
        """The mask of what a step gives."""
        return self._masks[self._by_number[number]]

    def variable(self, name: str) -> int:
        """The mask of what a variable holds after the run."""
        settings = self._top.settings.get(variable_key(name), ())
        return self._mask(Flow.joined(_set_by(setting.draft, setting.export) for setting in settings))

    def result(self, name: str) -> int:
        """The mask of what is returned under a name; of the last step's value for no name."""
        return self._mask(Flow(drafts=self.returned.get(name, ()))) if name else self.variable(PREVIOUS)

    def sources(self, mask: int) -> frozenset[Source]:
        """The sources that a mask stands for."""
        return frozenset(source for source, bit in self._bits.items() if mask & bit)

    def bit(self, source: Source) -> int:
        return self._bits.setdefault(source, 1 << len(self._bits))

    def mask_of(self, sources: Iterable[Source]) -> int:
        mask = 0
        for source in sources:
            mask |= self._bits.get(source, 0)
        return mask

    def inputs_mask(self, keys: Collection[str]) -> int:
        """The mask of the inputs, and of the answers to questions, that are known under these keys."""
        named = (item for item in self._bits if item.kind == "user" and variable_key(item.name) in keys)
        return self.mask_of(tuple(named))

    def secrets(self) -> frozenset[Source]:
        """The functions, inputs and answers that the plan's functions declare to be secret.

        A function says so of its output; and whatever is passed to a parameter that hides its value
        (``SecretStr``) must be one.
        """
        found: set[Source] = set()
        for origins in self._origins.values():
            if origins.function is None:
                continue
            if hides_output(origins.function):
                found.add(function_source(origins.function))
            for parameter in origins.function.parameters:
                if hides_value(parameter.annotation):
                    found |= set(self._givers(origins.arguments[parameter.name]))
        return frozenset(found - {LITERAL})

    def _givers(self, flow: Flow) -> Iterator[Source]:
        """The inputs, answers and functions that gave a value, not what those were given themselves."""
        yield from self.sources(flow.mask)
        for draft in flow.drafts:
            origins = self._origins[draft]
            if isinstance(draft.node, ForEach):
                yield from self._givers(origins.arguments["in"])
            for own in origins.own():
                yield from self.sources(own.mask)

    def _mask(self, flow: Flow) -> int:
        mask = flow.mask
        for draft in flow.drafts:
            mask |= self._masks[draft]
        return mask

    # -- what names mean ---------------------------------------------------------------------------------

    def named(self, name: str, at: Draft) -> Flow:
        """Where the value of a reference comes from."""
        key = variable_key(name)
        if key == variable_key(INPUT):
            return self._input(INPUT)
        found = resolve(key, at)
        if not found.settings and found.element is None:
            return self._input(self.inputs.get(key, name))
        return _found(found, at)

    def previous(self, at: Draft, parameter: str) -> Flow:
        """The previous output; before the first step the input, or one called like the parameter."""
        found = resolve(PREVIOUS, at)
        flows = [_found(found, at)]
        if not found.certain:
            flows += [self._input(INPUT), self._input(parameter)]
        return Flow.joined(flows)

    def left_out(self, name: str) -> Flow:
        """An argument that is not written: its default, or an input of its name."""
        default = Flow(self.bit(LITERAL))
        return Flow.joined([default, self._input(name)]) if variable_key(name) in self.inputs else default

    def _input(self, name: str) -> Flow:
        return Flow(self.bit(Source("user", self.inputs.get(variable_key(name), name))))


class Flow:
    """What a value is made of: the sources themselves, and the drafts whose values are in it."""

    __slots__ = ("drafts", "mask")

    def __init__(self, mask: int = 0, drafts: tuple[Draft, ...] = ()) -> None:
        self.mask, self.drafts = mask, drafts

    @classmethod
    def joined(cls, flows: Iterable[Flow]) -> Flow:
        mask, drafts = 0, dict[Draft, None]()
        for flow in flows:
            mask |= flow.mask
            drafts.update(dict.fromkeys(flow.drafts))
        return cls(mask, tuple(drafts))


class _Origins:
    """Where what one draft gives comes from: its arguments, its function, and what stands around it."""

    def __init__(self, plan: Provenance, draft: Draft) -> None:
        self.plan, self.draft = plan, draft
        self.function = plan.steps[draft.number - 1].function if draft.number else None
        self.arguments = dict(self._arguments())

    def whole(self) -> Flow:
        if self.plan.mode == "secrecy" and self.function is not None and self.function.secret is False:
            return Flow()
        return Flow.joined([*self.arguments.values(), *self.own(), self.around()])

    def around(self) -> Flow:
        """The conditions and the list that decide whether and how often it runs."""
        if self.plan.mode != "strict":
            return Flow()
        body = self.draft.body
        deciders = [body.drafts[unit] for unit, _ in self.draft.guards]
        return Flow(drafts=(*deciders, body.loop) if body.loop else tuple(deciders))

    def own(self) -> Iterator[Flow]:
        """What its value comes from besides its arguments."""
        if self.function is not None:
            yield Flow(self.plan.bit(function_source(self.function)))
            if self.function.kind == "prompt":
                yield Flow(self.plan.bit(MODEL))
        elif isinstance(self.draft.node, Ask):
            yield Flow(self.plan.bit(Source("user", self.draft.node.sets)))

    def _arguments(self) -> Iterator[tuple[str, Flow]]:
        node = self.draft.node
        if isinstance(node, Call) and self.function is not None:
            yield from self._of_call(node, self.function)
        elif isinstance(node, Ask):
            yield "question", self._text(node.question)
        elif isinstance(node, If):
            yield "condition", self._condition(node.condition)
        elif isinstance(node, ForEach):
            yield "in", self._text(node.source)
        elif isinstance(node, Result):
            yield "value", self._text(node.value)

    def _of_call(self, node: Call, function: KernelFunction) -> Iterator[tuple[str, Flow]]:
        written = {function.parameter(item.name): item.text for item in node.arguments}
        for position, parameter in enumerate(function.parameters):
            if parameter in written:
                yield parameter.name, self._text(written[parameter])
            elif position == 0 and parameter.required:
                yield parameter.name, self.plan.previous(self.draft, parameter.name)
            else:
                yield parameter.name, self.plan.left_out(parameter.name)

    def _text(self, text: str) -> Flow:
        value = parse_value(text)
        flows = [self.plan.named(reference.name, self.draft) for reference in references_of(value)]
        literal = not isinstance(value, Reference) and (
            not isinstance(value, Template) or any(isinstance(part, str) for part in value.parts)
        )
        return Flow.joined([*flows, Flow(self.plan.bit(LITERAL))] if literal else flows)

    def _condition(self, text: str) -> Flow:
        try:
            expression = parse_condition(text)
        except ConditionSyntaxError:  # a checked plan has none
            return Flow()
        named = [self.plan.named(reference.name, self.draft) for reference in references_in(expression)]
        return Flow.joined([*named, Flow(self.plan.bit(LITERAL))])


def function_source(function: KernelFunction) -> Source:
    """The source that a function's output is from."""
    return Source("function", function.full_name, function.source)


def hides_output(function: KernelFunction) -> bool:
    """Whether what a function gives is a secret, by its declaration or by its type."""
    return bool(function.secret) or (function.secret is None and hides_value(function.returns))


def _returned_as(draft: Draft) -> str | None:
    if isinstance(draft.node, Call):
        return draft.node.appends
    return draft.node.name if isinstance(draft.node, Result) else None


def _found(found: Found, at: Draft) -> Flow:
    flows = [_set_by(setting.draft, setting.export) for _, setting in found.settings]
    if found.element is not None:
        loop = at.body.outward(found.element).loop
        flows += [Flow(drafts=(loop,))] if loop else []
    return Flow.joined(flows)


def _set_by(draft: Draft, export: str | None) -> Flow:
    """What a setting gives: the draft's own value, or what is set in the loop that it is."""
    if export is None or draft.inner is None:
        return Flow(drafts=(draft,))
    inner = draft.inner.settings.get(export, ())
    return Flow.joined(_set_by(setting.draft, setting.export) for setting in inner)


def _solved(flows: Mapping[Draft, Flow]) -> dict[Draft, int]:
    """The mask of each draft; drafts that it is made of come first, however deep the chain."""
    masks: dict[Draft, int] = {}
    pending = list(reversed(list(flows)))
    while pending:
        draft = pending[-1]
        waiting = [other for other in flows[draft].drafts if other not in masks]
        if draft in masks or not waiting:
            pending.pop()
            masks[draft] = _joined_mask(flows[draft], masks)
        else:
            pending += waiting
    return masks


def _joined_mask(flow: Flow, masks: Mapping[Draft, int]) -> int:
    mask = flow.mask
    for draft in flow.drafts:
        mask |= masks[draft]
    return mask
