"""Which function can give the value that a parameter wants: an address, where the goal has only a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners.catalogue import alternatives
from planloom.planners.choices.judge import Judge, wanted_name
from planloom.planners.kinds import fits, is_record
from planloom.planners.literals import choices_of
from planloom.planners.retrieval.function_text import result_words
from planloom.planners.retrieval.words import words

__all__ = ["Lookups", "has_own_type", "may_give"]

IS_DIRECT = 2.5
"""From here on a text is taken as the wanted value itself, not as what it is looked up by."""
ENOUGH = 0.5
"""The share of a parameter's words that a function has to say, to be asked about at all."""


@dataclass(frozen=True)
class Lookups:
    """The functions that look values up for others."""

    judge: Judge
    functions: Sequence[KernelFunction]

    async def producer(self, function: KernelFunction, parameter: Parameter) -> KernelFunction | None:
        """The function whose result the parameter wants: its type says so, or its author and the model do."""
        if not parameter.required or choices_of(parameter):
            return None
        others = [other for other in self.functions if other is not function and may_give(other, parameter)]
        scored = [(await self.judge.gives(other, parameter), other) for other in others]
        best = max(scored, key=lambda pair: pair[0], default=None)
        if best is None or (best[0] <= 0 and not has_own_type(parameter)):
            return None
        return best[1]

    async def is_direct(self, text: str, wanted: Parameter, producer: KernelFunction) -> bool:
        """Whether ``text`` is itself what is wanted: an address rather than a person."""
        key = next(parameter for parameter in producer.parameters if parameter.required)
        return await self.judge.rather(text, wanted_name(wanted), wanted_name(key)) > IS_DIRECT


def has_own_type(parameter: Parameter) -> bool:
    """Whether a parameter wants a record of a class of its own, which no text of a goal can be."""
    return bool(_classes(parameter.annotation))


def may_give(function: KernelFunction, parameter: Parameter) -> bool:
    """Whether a function only looks up, and gives what the parameter wants, by its type or its words."""
    needed = [each for each in function.parameters if each.required]
    if function.effect == "write" or not needed or not fits(function.returns, parameter.annotation):
        return False
    if has_own_type(parameter):
        return bool(_classes(function.returns) & _classes(parameter.annotation))
    wanted = _wanted(parameter)
    said = result_words(function)
    asked = [set(words(f"{each.name} {each.description}")) for each in needed]
    return (
        set(words(parameter.name)) <= said
        and len(wanted & said) >= max(1, ENOUGH * len(wanted))
        and not any(wanted & said <= each for each in asked)
    )


def _wanted(parameter: Parameter) -> set[str]:
    """The words of a parameter's name, or of its description if the name is a word like "to"."""
    return set(words(parameter.name)) or set(words(parameter.description))


def _classes(annotation: Any) -> set[type]:
    """The classes of records among the alternatives of a type."""
    classes = (part for part in alternatives(annotation) if isinstance(part, type) and part is not Any)
    return {part for part in classes if part.__module__ != "builtins" and is_record(part)}
