"""What a plan says, apart from how it is written: names of variables, spellings, the order of free steps.

Two plans that make the same calls with the same arguments out of the same earlier calls have equal shapes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter

from planloom.function import KernelFunction
from planloom.functions import FunctionsView
from planloom.parameter import Parameter
from planloom.planners.compiling.outline import PREVIOUS, BodyDraft, Draft, Setting, outline, resolve
from planloom.planners.language.nodes import Ask, Call, ForEach, If, PlanTree
from planloom.planners.language.references import Reference, Template, Text, parse_value, path_text
from planloom.planners.language.variables import INPUT, variable_key

__all__ = ["ASK", "CallShape", "PlanShape", "Taken", "shape_of"]

ASK = "ask"
QUOTES = "\"'“”‘’「」"
STOPS = ".。!！"


@dataclass(frozen=True, slots=True)
class Taken:
    """A value, or the part of one at ``path``, that a call gave; calls count from 0."""

    call: int
    path: str = ""


Parts = tuple[str | Taken, ...]
"""What a value is made of: text and inputs in words that compare, and what calls gave."""


@dataclass(frozen=True)
class CallShape:
    """One call; ``under`` are the conditions and loops around it."""

    function: str
    arguments: tuple[tuple[str, Parts], ...]
    writes: bool = True
    under: Parts = ()

    @cached_property
    def sources(self) -> frozenset[int]:
        """The calls whose results it takes."""
        parts = [*self.under, *(part for _, value in self.arguments for part in value)]
        return frozenset(part.call for part in parts if isinstance(part, Taken))


@dataclass(frozen=True)
class PlanShape:
    """The calls of a plan in document order; ``<ask>`` counts as a call of the function ``ask``."""

    calls: tuple[CallShape, ...] = ()

    @cached_property
    def functions(self) -> Counter[str]:
        """How often each function is called."""
        return Counter(call.function for call in self.calls)

    @cached_property
    def writes(self) -> tuple[str, ...]:
        """The functions that change the world, in document order."""
        return tuple(call.function for call in self.calls if call.writes)

    @cached_property
    def structure(self) -> Counter[str]:
        """The graph of calls; equal when functions and edges are equal, whatever the arguments."""
        return self._graph(lambda call, known: sorted(known[source] for source in call.sources))

    @cached_property
    def arguments(self) -> Counter[str]:
        """Every argument as function, parameter and value; what a call gave goes by the call's function."""
        names = {number: call.function for number, call in enumerate(self.calls)}
        return Counter(
            repr((call.function, name, _spelled(value, names)))
            for call in self.calls
            for name, value in call.arguments
        )

    @cached_property
    def whole(self) -> Counter[str]:
        """The graph of calls with every argument."""
        return self._graph(
            lambda call, known: [
                *sorted((name, _spelled(value, known)) for name, value in call.arguments),
                _spelled(call.under, known),
            ]
        )

    def _graph(self, details: Callable[[CallShape, Mapping[int, str]], object]) -> Counter[str]:
        """One digest a call, which stands for the call and for all that leads to it."""
        known: dict[int, str] = {}
        for number in TopologicalSorter(dict(enumerate(c.sources for c in self.calls))).static_order():
            call = self.calls[number]
            text = repr((call.function, details(call, known)))
            known[number] = hashlib.sha256(text.encode()).hexdigest()
        return Counter(known.values())


def shape_of(tree: PlanTree, functions: FunctionsView) -> PlanShape:
    """The shape of a plan that has been checked against ``functions``."""
    return _Reading(outline(tree), functions).shape()


def _spelled(value: Parts, known: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(f"{known[part.call]}{part.path}" if isinstance(part, Taken) else part for part in value)


class _Reading:
    """Turns the drafts of a plan into calls."""

    def __init__(self, top: BodyDraft, functions: FunctionsView) -> None:
        self._functions = functions
        self._drafts = [draft for draft in _drafts(top) if isinstance(draft.node, Call | Ask)]
        self._numbers = {draft: number for number, draft in enumerate(self._drafts)}

    def shape(self) -> PlanShape:
        return PlanShape(tuple(self._call(draft) for draft in self._drafts))

    def _call(self, draft: Draft) -> CallShape:
        if not isinstance(draft.node, Call):
            return CallShape(ASK, (), writes=False, under=self._under(draft))
        function = self._functions[draft.node.function]
        arguments = dict(self._arguments(draft, draft.node, function))
        return CallShape(
            function.full_name,
            tuple(sorted(arguments.items())),
            function.effect == "write",
            self._under(draft),
        )

    def _arguments(self, draft: Draft, call: Call, function: KernelFunction) -> Iterator[tuple[str, Parts]]:
        given = {}
        for argument in call.arguments:
            parameter = function.parameter(argument.name)
            if parameter is not None:
                given[parameter.name] = self._value(argument.text, draft, parameter)
        for position, parameter in enumerate(function.parameters):
            value = given.get(parameter.name)
            if value is None and parameter.required:
                value = self._left_out(parameter, position, draft)
            if value is not None and value != _default(parameter):
                yield parameter.name, value

    def _left_out(self, parameter: Parameter, position: int, draft: Draft) -> Parts:
        """The first parameter takes the previous output; another one the input of its name."""
        if position == 0:
            return self._settings(PREVIOUS, draft, "") or (f"${variable_key(INPUT)}",)
        return (f"${variable_key(parameter.name)}",)

    def _value(self, text: str, draft: Draft, parameter: Parameter | None) -> Parts:
        value = parse_value(text)
        if isinstance(value, Reference):
            return self._reference(value, draft)
        if isinstance(value, Template):
            parts = [
                (_plain(part),) if isinstance(part, str) else self._reference(part, draft)
                for part in value.parts
            ]
            return tuple(piece for part in parts for piece in part if piece)
        return (_literal(value, parameter),)

    def _reference(self, reference: Reference, draft: Draft) -> Parts:
        path = path_text(reference.path)
        found = self._settings(reference.key, draft, path) if reference.key != variable_key(INPUT) else ()
        return found or (f"${reference.key}{path}",)

    def _settings(self, name: str, draft: Draft, path: str) -> Parts:
        """What the calls that set ``name`` gave; nothing if it is an input."""
        found = resolve(name, draft)
        taken = tuple(part for _, setting in found.settings for part in self._taken(setting, path))
        if found.element is None:
            return taken
        loop = draft
        for body in list(draft.body.chain())[: found.element + 1]:
            loop = body.loop or loop
        return (*taken, *self._source(loop), f"[each]{path}")

    def _taken(self, setting: Setting, path: str) -> Parts:
        draft = setting.draft
        if setting.export is None or draft.inner is None:
            return (Taken(self._numbers[draft], path),)
        inner = draft.inner.settings[setting.export]
        return tuple(part for one in inner for part in self._taken(one, f"[all]{path}"))

    def _source(self, loop: Draft) -> Parts:
        return self._value(loop.node.source, loop, None) if isinstance(loop.node, ForEach) else ()

    def _under(self, draft: Draft) -> Parts:
        """The conditions and loops around a call, innermost first."""
        around: list[str | Taken] = []
        place: Draft | None = draft
        while place is not None:
            for unit, branch in place.guards:
                decided = place.body.drafts[unit]
                if isinstance(decided.node, If):
                    around += [f"if {branch}", *self._value(decided.node.condition, decided, None)]
            place = place.body.loop
            if place is not None:
                around += ["for each", *self._source(place)]
        return tuple(around)


def _drafts(body: BodyDraft) -> Iterator[Draft]:
    for draft in body.drafts:
        yield draft
        if draft.inner is not None:
            yield from _drafts(draft.inner)


def _default(parameter: Parameter) -> Parts | None:
    """What an argument says when it says no more than the default does."""
    if parameter.required:
        return None
    default = parameter.default
    return (_plain(default) if isinstance(default, str) else repr(default),)


def _literal(value: Text, parameter: Parameter | None) -> str:
    if parameter is None:
        return _plain(value.text)
    try:
        read = parameter.from_text(value.text)
    except ValueError:
        return _plain(value.text)
    return _plain(read) if isinstance(read, str) else repr(read)


def _plain(text: str) -> str:
    """Text without what a reader would not mind: case, spaces, quotation marks around it, a final stop."""
    return " ".join(text.split()).strip(QUOTES).rstrip(STOPS).strip().casefold()
