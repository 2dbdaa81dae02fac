"""Which functions a draft chooses from, and which of them are nearest to the goal in meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planloom.function import KernelFunction
from planloom.planners.choices.clauses import clauses
from planloom.planners.choices.nearness import Nearness
from planloom.planners.drafting.coverage import Coverage, coverage
from planloom.planners.retrieval.selection import Room, select_functions

__all__ = ["Near", "Offer", "cosines_of", "nearest", "offer"]

OF_WHOLE, OF_PART, MOST_PARTS = 4, 2, 6
MOST_OFFERED = 24
"""Functions; the model was tuned with up to 16."""
MOST_WEIGHED = 200
"""Functions whose meaning is compared with the goal's; of more, only those whose words match are."""

Functions = Mapping[str, KernelFunction]
Near = Sequence[Sequence[str]]
"""For each clause of a goal the names of the functions that are nearest to it, best first: a hint."""


@dataclass(frozen=True)
class Offer:
    """The functions to choose from, in the order of registration, and which are nearest to each clause."""

    functions: Functions
    near: Near
    coverage: Coverage | None = None


async def offer(
    goal: str, functions: Functions, nearness: Nearness | None, tokens: int | None = None
) -> Offer:
    """All functions if they are few and fit into so many ``tokens``, else those that matter for the goal.

    Raises:
        ServiceError: the embedding service failed.
    """
    weighed = functions if len(functions) <= MOST_WEIGHED else await _few(goal, functions, MOST_WEIGHED // 4)
    cosines = await cosines_of(goal, list(weighed.values()), nearness) if nearness else []
    near = nearest(cosines, list(weighed))
    offered = weighed
    if not Room(tokens, MOST_OFFERED).holds(weighed):
        nearby = [name for names in near for name in names]
        pinned = list(dict.fromkeys(nearby)) if Room(tokens).holds({n: weighed[n] for n in nearby}) else []
        offered = await _few(goal, weighed, MOST_OFFERED, pinned, tokens)
    return Offer(offered, near, coverage(cosines, list(weighed)) if nearness else None)


async def _few(
    goal: str, functions: Functions, limit: int, pinned: Sequence[str] = (), tokens: int | None = None
) -> Functions:
    chosen = await select_functions(functions, goal, limit=limit, pinned=pinned, budget_tokens=tokens)
    return {function.full_name: function for function in chosen}


async def cosines_of(goal: str, functions: Sequence[KernelFunction], nearness: Nearness) -> list[list[float]]:
    """Of each clause of the goal, the cosines to all functions."""
    return [await nearness.of(part.text, functions) for part in clauses(goal)[:MOST_PARTS]]


def nearest(scores: Sequence[Sequence[float]], names: Sequence[str]) -> Near:
    """The names with the highest scores for each part of a goal: more if it has one part only."""
    count = OF_WHOLE if len(scores) == 1 else OF_PART
    ranks = (sorted(range(len(names)), key=lambda index: -row[index])[:count] for row in scores)
    return [[names[index] for index in rank] for rank in ranks]
