"""The hint of near functions that a goal is shown with: as embeddings find it, or made up to look like it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from planloom.function import KernelFunction
from planloom.planners.choices.clauses import clauses
from planloom.planners.choices.nearness import Nearness, local_nearness
from planloom.planners.drafting.near import MOST_PARTS, OF_PART, OF_WHOLE, Near, cosines_of, nearest
from tuning.compose import Call, Example, Ref

__all__ = ["Hints"]

NONE, MADE_UP = 0.1, 0.45
"""Shares of goals that get no hint, and one that is made up; embeddings of all goals would take too long."""


class Hints:
    """Gives hints that are as often right as they are on real goals."""

    def __init__(self, random: Random) -> None:
        self._random, self._runner = random, asyncio.Runner()
        self._nearness = self._runner.run(local_nearness())

    def of(self, found: Example, functions: Sequence[KernelFunction]) -> Near:
        """For each clause of the goal the names of functions near to it; empty for no hint."""
        dice = self._random.random()
        if dice < NONE:
            return []
        if dice < NONE + MADE_UP or self._nearness is None:
            return _made_up(found, functions, self._random)
        return self._runner.run(_measured(found.goal, functions, self._nearness))


async def _measured(goal: str, functions: Sequence[KernelFunction], nearness: Nearness) -> Near:
    names = [function.full_name for function in functions]
    return nearest(await cosines_of(goal, functions, nearness), names)


def _made_up(found: Example, functions: Sequence[KernelFunction], random: Random) -> Near:
    parts = min(len(clauses(found.goal)), MOST_PARTS)
    count = OF_WHOLE if parts == 1 else OF_PART
    wanted = _wanted(found.calls, parts, random)
    return [_likely_nearest(calls, functions, count, random) for calls in wanted]


def _wanted(calls: Sequence[Call], parts: int, random: Random) -> list[list[Call]]:
    """The calls that each part of a goal asks for, in order; none for a part that only adds to another."""
    wished = [call for call in calls if call.wished]
    groups: list[list[Call]] = [[] for _ in range(parts)]
    places = sorted(random.sample(range(parts), min(parts, len(wished))))
    for number, call in enumerate(wished):
        groups[places[number * len(places) // len(wished)]].append(call)
    return groups


def _likely_nearest(
    wanted: Sequence[Call], functions: Sequence[KernelFunction], count: int, random: Random
) -> list[str]:
    """Names by what a cosine may say: much for what a part asks for, something for what that needs."""
    asked = {call.function.name for call in wanted}
    needed = {
        ref.call.function.name for call in wanted for ref in call.arguments.values() if isinstance(ref, Ref)
    }
    skills = {name.partition(".")[0] for name in asked}

    def said(each: KernelFunction) -> float:
        worth = 3.4 if each.full_name in asked else 2.0 if each.full_name in needed else 0.0
        return random.gauss(worth, 1.0) + 0.5 * (each.skill in skills)

    return [each.full_name for each in sorted(functions, key=said, reverse=True)][:count]
