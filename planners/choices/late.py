"""Results that come after the call that should have used them: "send it, and use his nickname in it"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from planloom.annotation import takes_text
from planloom.function import KernelFunction
from planloom.planners.choices.draft import (
    Asked,
    DraftCall,
    Given,
    Literal,
    Output,
    Source,
    ordered,
    shown,
    unused,
)
from planloom.planners.choices.judge import Judge, label, result_name, spoken
from planloom.planners.choices.lookups import may_give
from planloom.planners.kinds import fits
from planloom.planners.language.variables import INPUT, variable_key
from planloom.planners.writing import PlanChoice

__all__ = ["LateResults"]

MOST_TEXTS = 2


@dataclass(frozen=True)
class LateResults:
    """Finds a use for results that no call takes, in what was done before, or reports them to the user."""

    judge: Judge
    functions: Sequence[KernelFunction]
    goal: str

    async def place(self, calls: Sequence[DraftCall]) -> list[PlanChoice]:
        """Change ``calls`` so that each result is used or reported, and tell what was decided."""
        told = []
        for late in unused(calls):
            action = next((call for call in reversed(calls[: calls.index(late)]) if call.acts), None)
            before = 0.0 if action is None else await self._before(late, action)
            used = action is not None and before > 0 and await self._use(late, action, calls)
            late.reported = not used and len(calls) > 1
            if action is not None:
                uses = (f"before {action.function.full_name}", before), ("for the user", 0.0)
                told.append(PlanChoice(shown(Output(late)), uses[0 if used else 1][0], uses))
        return told

    async def _before(self, late: DraftCall, action: DraftCall) -> float:
        """How much likelier it is that the action needs the result than that it is for the user."""
        return await self.judge.comes_before(action.clause.text, late.clause.text, late.function)

    async def _use(self, late: DraftCall, action: DraftCall, calls: Sequence[DraftCall]) -> bool:
        """Let ``action`` take the result: as a value that is wanted, or worked into the one that it has."""
        for parameter in action.function.parameters:
            wanted = isinstance(action.values.get(parameter.name), Asked) or may_give(
                late.function, parameter
            )
            if wanted and fits(late.function.returns, parameter.annotation):
                action.values[parameter.name] = Output(late)
                return True
        carrier = _content_of(action)
        worked = await self._worked_in(late, action.values[carrier], _literals(calls)) if carrier else None
        if worked is None:
            return False
        action.values[carrier] = Output(worked)
        return True

    async def _worked_in(self, late: DraftCall, content: Source, texts: Sequence[str]) -> DraftCall | None:
        """The likeliest call that takes the content and the result, and gives the new content."""
        joins = [
            function
            for function in self.functions
            if function is not late.function and _joins(function) and _takes(function, content)
        ]
        ways = [way for function in joins for way in _ways(function, late, texts)]
        scored = [(await self._likelihood(way, late), way) for way in ways]
        best = max(scored, key=lambda pair: pair[0], default=None)
        if best is None or best[0] <= 0:
            return None
        function, values = best[1].function, best[1].values
        return DraftCall(function, {function.parameters[0].name: content, **values}, late.clause)

    async def _likelihood(self, way: _Way, late: DraftCall) -> float:
        """How much likelier these arguments are for this goal than for any other."""
        result = spoken(result_name(late.function))
        answers = [
            (label(parameter), value.text if isinstance(value, Literal) else result)
            for parameter in way.function.parameters
            if (value := way.values.get(parameter.name)) is not None
        ]
        return await self.judge.filled(self.goal, answers)


@dataclass(frozen=True)
class _Way:
    """A function, and its arguments but the first."""

    function: KernelFunction
    values: Mapping[str, Source]


def _ways(function: KernelFunction, late: DraftCall, texts: Sequence[str]) -> Iterator[_Way]:
    """The result at one place, and texts that the plan uses already at the others."""
    others = [parameter for parameter in function.parameters[1:] if parameter.required]
    for taking in others:
        rest = [parameter.name for parameter in others if parameter is not taking]
        if fits(late.function.returns, taking.annotation) and len(rest) <= MOST_TEXTS:
            for chosen in permutations(texts, len(rest)):
                literals = {name: Literal(text) for name, text in zip(rest, chosen, strict=True)}
                yield _Way(function, {taking.name: Output(late), **literals})


def _literals(calls: Sequence[DraftCall]) -> list[str]:
    """The texts that the plan uses as values."""
    values = (value for call in ordered(calls) for value in call.values.values())
    return list(dict.fromkeys(value.text for value in values if isinstance(value, Literal)))


def _content_of(action: DraftCall) -> str:
    """The parameter that has what the goal speaks of: no look-up, and no input that is there for it alone."""
    for parameter in action.function.parameters:
        match action.values.get(parameter.name):
            case Given(name) if variable_key(name) != variable_key(parameter.name) or _is_input(name):
                return parameter.name
            case Output(call) if not may_give(call.function, parameter):
                return parameter.name
    return ""


def _is_input(name: str) -> bool:
    return variable_key(name) == variable_key(INPUT)


def _takes(function: KernelFunction, content: Source) -> bool:
    """Whether a function's first parameter takes the content, as far as its type tells."""
    if not isinstance(content, Output) or content.field:
        return True
    return fits(content.call.function.returns, function.parameters[0].annotation)


def _joins(function: KernelFunction) -> bool:
    """Whether a function makes one text of several values, the first of which is a text too."""
    needed = [parameter for parameter in function.parameters if parameter.required]
    return (
        function.effect == "none"
        and len(needed) > 1
        and needed[0] is function.parameters[0]
        and all(takes_text(parameter.annotation) for parameter in needed)
        and fits(function.returns, needed[0].annotation)
    )
