"""Which function can give the value that a parameter wants: an address, where the goal has only a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners.choices.judge import Judge
from planloom.planners.kinds import fits
from planloom.planners.literals import choices_of
from planloom.planners.retrieval.words import words

__all__ = ["Lookups", "may_give"]

IS_DIRECT = 2.5
"""From here on a text is taken as the wanted value itself, not as what it is looked up by."""


@dataclass(frozen=True)
class Lookups:
    """The functions that look values up for others."""

    judge: Judge
    functions: Sequence[KernelFunction]

    async def producer(self, function: KernelFunction, parameter: Parameter) -> KernelFunction | None:
        """The function whose result the parameter wants, if its author says so and the model agrees."""
        if not parameter.required or choices_of(parameter):
            return None
        candidates = [
            other for other in self.functions if other is not function and may_give(other, parameter)
        ]
        scored = [(await self.judge.gives(other, parameter), other) for other in candidates]
        best = max(scored, key=lambda pair: pair[0], default=None)
        return best[1] if best is not None and best[0] > 0 else None

    async def is_direct(self, text: str, wanted: Parameter, producer: KernelFunction) -> bool:
        """Whether ``text`` is itself what is wanted: an address rather than a person."""
        key = next(parameter for parameter in producer.parameters if parameter.required)
        return await self.judge.rather(text, wanted, key) > IS_DIRECT


def may_give(function: KernelFunction, parameter: Parameter) -> bool:
    """Whether a function only looks up, says the parameter's whole name, and needs no such value."""
    named = set(words(parameter.name))
    needed = [each for each in function.parameters if each.required]
    return (
        bool(named)
        and bool(needed)
        and function.effect != "write"
        and fits(function.returns, parameter.annotation)
        and named <= set(words(f"{function.name} {function.description}"))
        and not any(named <= set(words(f"{each.name} {each.description}")) for each in needed)
    )
