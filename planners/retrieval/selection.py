"""The functions that a planner offers to the model: all of them if they fit, else those that matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from planloom.function import KernelFunction
from planloom.planners.catalogue import entry, offered
from planloom.planners.retrieval.function_index import FunctionIndex
from planloom.services.usage import estimate_tokens
from planloom.sync import run_sync

__all__ = ["select_functions", "select_functions_sync"]

MOST_FOUND = 100
NEED_DEPTH = 2

Cost = Callable[[KernelFunction], int]


def prompt_tokens(function: KernelFunction) -> int:
    """About how many tokens a function takes in the planner's prompt."""
    return estimate_tokens(entry(function)) + 1


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
    _require(functions, pinned)
    kept = offered(functions, pinned, exclude) if pinned else {}
    allowed = offered(functions, include, exclude) | kept
    basket = _Basket(budget_tokens, limit, cost)
    if basket.holds(allowed.values()):
        return [function for name, function in functions.items() if name in allowed]
    index = index or FunctionIndex(allowed.values())
    for function in kept.values():
        basket.put(function)
    found = [hit.function for hit in await index.find(goal, max(MOST_FOUND, limit or 0))]
    candidates = [function for function in found if function.full_name in allowed]
    for function in _with_needs(candidates or list(allowed.values()), index, basket, allowed):
        basket.add(function)
    return [function for name, function in functions.items() if name in basket.chosen]


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
    """Chosen functions within a budget of tokens and a number."""

    def __init__(self, budget: int | None, limit: int | None, cost: Cost) -> None:
        self._budget, self._limit, self._cost = budget, limit, cost
        self._used = 0
        self.chosen: dict[str, KernelFunction] = {}

    def holds(self, functions: Iterable[KernelFunction]) -> bool:
        """Whether all of ``functions`` fit."""
        every = list(functions)
        return (self._limit is None or len(every) <= self._limit) and (
            self._budget is None or sum(map(self._cost, every)) <= self._budget
        )

    @property
    def full(self) -> bool:
        return (self._limit is not None and len(self.chosen) >= self._limit) or (
            self._budget is not None and self._used >= self._budget
        )

    def put(self, function: KernelFunction) -> None:
        """Choose it whatever it costs."""
        self.chosen[function.full_name] = function
        self._used += self._cost(function)

    def add(self, function: KernelFunction) -> None:
        """Choose it if it fits and is not chosen already."""
        fits = self._budget is None or self._used + self._cost(function) <= self._budget
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
