"""What of a goal no function can be meant for, told by words alone, so that it costs no model."""

from __future__ import annotations

from collections.abc import Iterable

from planloom.function import KernelFunction
from planloom.planners.choices.clauses import clauses
from planloom.planners.retrieval.words import words

__all__ = ["unserved"]


def unserved(goal: str, functions: Iterable[KernelFunction]) -> tuple[str, ...]:
    """The clauses of a goal that share no word with the name or the description of any function."""
    known = {word for function in functions for word in words(f"{function.full_name} {function.description}")}
    wanted = [(clause.text, set(words(clause.text))) for clause in clauses(goal)]
    return tuple(text for text, said in wanted if said and not said & known)
