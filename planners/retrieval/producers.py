"""Which function can produce a value that another one requires: an address for ``sendEmail(address)``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners.catalogue import alternatives
from planloom.planners.retrieval.word_index import Field, Ranking, WordIndex, best
from planloom.planners.retrieval.words import words

__all__ = ["Producers", "can_give"]

FIELDS = {"name": Field(), "gives": Field()}
CANDIDATES = 12
ENOUGH = 0.5
"""The share of what a parameter says of itself, by rarity, that a producer has to say too."""
SAME_SKILL = 0.05


class Producers:
    """Functions by what they give back; ``texts`` are those of ``searchable``, in the same order."""

    def __init__(self, functions: Sequence[KernelFunction], texts: Sequence[Mapping[str, str]]) -> None:
        self._functions = functions
        self._given = [
            {"name": function.name, "gives": _gives(function, text)}
            for function, text in zip(functions, texts, strict=True)
        ]
        self._index = WordIndex(self._given, FIELDS)

    def needed_by(self, chosen: Sequence[KernelFunction]) -> Ranking:
        """The best producer of each required parameter, by number; none of ``chosen`` itself."""
        present = {function.full_name for function in chosen}
        scores: dict[int, float] = {}
        for function in chosen:
            for parameter in function.parameters:
                if parameter.required:
                    for number, score in self._producer(function, parameter, present):
                        scores[number] = max(score, scores.get(number, 0.0))
        return best(scores, len(scores))

    def _producer(self, function: KernelFunction, parameter: Parameter, present: set[str]) -> Ranking:
        """The one best producer of a parameter, if there is any."""
        scores: dict[int, float] = {}
        for number, _ in self._index.rank(f"{parameter.name} {parameter.description}", CANDIDATES):
            candidate = self._functions[number]
            if can_give(candidate.returns, parameter.annotation) and not _requires(candidate, parameter):
                share = self._share(parameter, number) + SAME_SKILL * (candidate.skill == function.skill)
                if share >= ENOUGH:
                    scores[number] = share
        found = best(scores, 1)
        return [] if found and self._functions[found[0][0]].full_name in present else found

    def _share(self, parameter: Parameter, number: int) -> float:
        """How much of a parameter's words the candidate says too; 0 unless it says the whole name."""
        given = set(words(" ".join(self._given[number].values())))
        named = set(words(parameter.name))
        wanted = named | set(words(parameter.description))
        whole = sum(map(self._index.rarity, wanted))
        if not whole or not named <= given:
            return 0.0
        return sum(map(self._index.rarity, wanted & given)) / whole


def _gives(function: KernelFunction, texts: Mapping[str, str]) -> str:
    """What the function says it gives; its description will do, unless that tells what it changes."""
    return texts["result"] or (texts["description"] if function.effect != "write" else "")


def _requires(function: KernelFunction, wanted: Parameter) -> bool:
    """Whether the function itself needs such a value, so that it is no source of one."""
    names = {frozenset(words(parameter.name)) for parameter in function.parameters if parameter.required}
    return frozenset(words(wanted.name)) in names


def can_give(returned: Any, wanted: Any) -> bool:
    """Whether a result of type ``returned``, or a field of it, may be a value of type ``wanted``."""
    kinds, takers = _kinds(returned), _kinds(wanted)
    return bool(kinds - {"nothing"}) and bool({"any"} & (kinds | takers) or kinds & takers)


def _kinds(annotation: Any) -> set[str]:
    return {_kind(part) for part in alternatives(annotation)}


def _kind(part: Any) -> str:
    """``any`` for what may hold fields or elements of every type."""
    if part is None or part is type(None):
        return "nothing"
    if get_origin(part) is Literal:
        return _kind(type(get_args(part)[0]))
    if isinstance(part, type) and issubclass(part, bool):
        return "truth"
    if isinstance(part, type) and issubclass(part, int | float) and not issubclass(part, Enum):
        return "number"
    return "text" if isinstance(part, type) and issubclass(part, str) else "any"
