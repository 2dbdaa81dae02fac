"""The functions that a planner offers to the model: all of them if they fit, else those that matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from planloom.function import KernelFunction
from planloom.planners.catalogue import entry, offered
from planloom.planners.retrieval.function_index import FunctionIndex
from planloom.services.usage import estimate_tokens
from planloom.sync import run_sync

__all__ = ["Room", "best_functions", "permitted", "select_functions", "select_functions_sync"]

MOST_FOUND = 100
NEED_DEPTH = 2

Cost = Callable[[KernelFunction], int]


def prompt_tokens(function: KernelFunction) -> int:
    """About how many tokens a function takes in the planner's prompt."""
    return estimate_tokens(entry(function)) + 1


@dataclass(frozen=True, slots=True)
class Room:
    """How many functions can be offered: ``tokens`` of them, each at its ``cost``, and ``most`` in number."""

    tokens: int | None = None
    most: int | None = None
    cost: Cost = prompt_tokens

    def holds(self, functions: Mapping[str, KernelFunction]) -> bool:
        """Whether all of ``functions`` fit; counts no further than it must."""
        if self.most is not None and len(functions) > self.most:
            return False
        if self.tokens is None:
            return True
        used = 0
        return all((used := used + self.cost(function)) <= self.tokens for function in functions.values())


def permitted(
    functions: Mapping[str, KernelFunction],
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    pinned: Sequence[str] = (),
) -> tuple[dict[str, KernelFunction], dict[str, KernelFunction]]:
    """The functions that may be offered, in the order of registration, and those of them that must be.

    Raises:
        FunctionNotFoundError: a pinned name, without wildcards, is not registered.
    """
    _require(functions, pinned)
    kept = offered(functions, pinned, exclude) if pinned else {}
    allowed = offered(functions, include, exclude)
    if kept and include:
        either = allowed.keys() | kept.keys()
        allowed = {name: function for name, function in functions.items() if name in either}
    return allowed, kept


async def select_functions(
    functions: Mapping[str, KernelFunction],
    goal: str,
    *,
    budget_tokens: int | None = None,
    limit: int | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    pinned: Sequence[str] = (),
    index: FunctionIndex | None = None,
    cost: Cost = prompt_tokens,
) -> list[KernelFunction]:
    """The functions to offer for ``goal``, in the order of registration.

    Args:
        functions: ``kernel.functions``.
        budget_tokens: what the chosen functions may take of the prompt, together.
        limit: how many functions at most. With neither limit all that are not excluded are offered.
        include: patterns on full names (``Emailer.*``); with none, all are in.
        exclude: patterns of those never offered; wins over everything else.
        pinned: patterns of those always offered, first in the budget and whatever ``include`` says.
        index: an index over ``functions``, when there is one already.
        cost: the tokens that one function takes.

    Functions that can produce what a chosen one requires come along with it. When nothing matches the goal
    (a goal in another language than the descriptions), the first functions that fit are offered.

    Raises:
        FunctionNotFoundError: a pinned name, without wildcards, is not registered.
        ServiceError: the index's embedding service failed.
    """
    allowed, kept = permitted(functions, include, exclude, pinned)
    room = Room(budget_tokens, limit, cost)
    if room.holds(allowed):
        return list(allowed.values())
    index = index or await FunctionIndex.made(allowed.values())
    return await best_functions(allowed, kept, goal, room, index)


async def best_functions(
    allowed: Mapping[str, KernelFunction],
    kept: Mapping[str, KernelFunction],
    goal: str,
    room: Room,
    index: FunctionIndex,
) -> list[KernelFunction]:
    """``kept``, and as many others of ``allowed`` as there is room for, in the order of registration.

    Raises what ``FunctionIndex.find`` raises.
    """
    basket = _Basket(room)
    for function in kept.values():
        basket.put(function)
    found = [hit.function for hit in await index.find(goal, max(MOST_FOUND, room.most or 0))]
    candidates = [function for function in found if function.full_name in allowed]
    for function in _with_needs(candidates or list(allowed.values()), index, basket, allowed):
        basket.add(function)
    return [function for name, function in allowed.items() if name in basket.chosen]


def select_functions_sync(
    functions: Mapping[str, KernelFunction],
    goal: str,
    *,
    budget_tokens: int | None = None,
    limit: int | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    pinned: Sequence[str] = (),
    index: FunctionIndex | None = None,
    cost: Cost = prompt_tokens,
) -> list[KernelFunction]:
    """``select_functions`` for code that is not async."""
    return run_sync(
        select_functions(
            functions,
            goal,
            budget_tokens=budget_tokens,
            limit=limit,
            include=include,
            exclude=exclude,
            pinned=pinned,
            index=index,
            cost=cost,
        )
    )


class _Basket:
    """Chosen functions, and what they take of the room."""

    def __init__(self, room: Room) -> None:
        self._room, self._used = room, 0
        self.chosen: dict[str, KernelFunction] = {}

    @property
    def full(self) -> bool:
        most, tokens = self._room.most, self._room.tokens
        return (most is not None and len(self.chosen) >= most) or (
            tokens is not None and self._used >= tokens
        )

    def put(self, function: KernelFunction) -> None:
        """Choose it whatever it costs."""
        self.chosen[function.full_name] = function
        self._used += self._room.cost(function)

    def add(self, function: KernelFunction) -> None:
        """Choose it if it fits and is not chosen already."""
        tokens = self._room.tokens
        fits = tokens is None or self._used + self._room.cost(function) <= tokens
        if fits and not self.full and function.full_name not in self.chosen:
            self.put(function)


def _with_needs(
    ranked: Iterable[KernelFunction],
    index: FunctionIndex,
    basket: _Basket,
    allowed: Mapping[str, KernelFunction],
) -> Iterator[KernelFunction]:
    """Each function, followed by what it needs, until the basket is full."""
    for function in [*basket.chosen.values(), *ranked]:
        if basket.full:
            return
        yield function
        wave = [function]
        for _ in range(NEED_DEPTH):
            needs = [hit.function for hit in index.needed_by(wave)] if wave else []
            wave = [need for need in needs if need.full_name in allowed]
            yield from wave


def _require(functions: Mapping[str, KernelFunction], patterns: Sequence[str]) -> None:
    for pattern in patterns:
        if not any(wild in pattern for wild in "*?["):
            functions[pattern]
