"""The functions that a planner offers for a goal: all that it may, or of many those that matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from planloom.errors import ContextLengthError
from planloom.function import KernelFunction
from planloom.planners.choices.judge import said
from planloom.planners.drafting.near import MOST_OFFERED, MOST_WEIGHED
from planloom.planners.errors import PlannerError, PlanNotPossible
from planloom.planners.retrieval.function_index import FunctionIndex
from planloom.planners.retrieval.selection import Room, best_functions, permitted
from planloom.services.protocol import ChatService, EmbeddingService
from planloom.services.usage import estimate_tokens

__all__ = ["Offering", "Way"]

Way = Literal["one-shot", "draft", "choices"]
Functions = Mapping[str, KernelFunction]

FEW = MOST_WEIGHED // 4
"""So many functions are drafted with where there are too many to weigh the meaning of each."""
CHOICES_SHARE = 0.75
"""Of the context, for the functions to choose from; the rest is for values, and for estimates that err."""


class Offering:
    """What a planner may offer. The index that is searched is kept until the functions are others.

    Args:
        include: patterns of the functions on offer; all if empty.
        exclude: patterns of functions never on offer; wins over everything else.
        pinned: patterns of functions always on offer, whatever ``include`` says and however many fit.
        tokens: what the functions may take of a prompt, in place of what the model's context leaves.
        embed: a service whose vectors help to find functions.
    """

    def __init__(
        self,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        pinned: Sequence[str] = (),
        tokens: int | None = None,
        embed: EmbeddingService | None = None,
    ) -> None:
        self._include, self._exclude, self._pinned = tuple(include), tuple(exclude), tuple(pinned)
        self._tokens, self._embed = tokens, embed
        self._index: FunctionIndex | None = None

    async def functions(
        self, registered: Functions, goal: str, way: Way, service: ChatService, spent: int
    ) -> dict[str, KernelFunction]:
        """The functions to offer, by full name, in the order of registration.

        Args:
            way: the strategy that they are for.
            spent: what else the prompt and its answer take of the service's context, in tokens.

        Raises:
            PlanNotPossible: there are none, or none fits into ``tokens``.
            FunctionNotFoundError: a pinned name, without wildcards, is not registered.
            ContextLengthError: none fits into the context of the service.
            ServiceError: the embedding service failed.
        """
        allowed, kept = permitted(registered, self._include, self._exclude, self._pinned)
        if not allowed:
            need = "There are no functions to plan with. Add a skill, or widen include and exclude."
            raise PlanNotPossible(need, goal=goal)
        room = self._room(way, service, spent, len(allowed))
        if room.holds(allowed):
            return allowed
        index = await self._indexed(allowed.values())
        chosen = await best_functions(allowed, kept, goal, room, index)
        if not chosen:
            raise self._too_small(room, service, goal, min(map(room.cost, allowed.values())))
        return {function.full_name: function for function in chosen}

    def _room(self, way: Way, service: ChatService, spent: int, count: int) -> Room:
        """What a strategy has room for, of so many functions that it may use."""
        tokens, limit = self._tokens, service.context_tokens
        if way == "draft":
            # It shows its model only a few of many, and might leave out a pinned one.
            most = MOST_OFFERED if self._pinned else MOST_WEIGHED if count <= MOST_WEIGHED else FEW
            return Room(tokens, most)
        if tokens is None and limit is not None:
            tokens = int(CHOICES_SHARE * limit if way == "choices" else limit) - spent
        return Room(tokens, cost=_tokens_among_choices) if way == "choices" else Room(tokens)

    async def _indexed(self, functions: Iterable[KernelFunction]) -> FunctionIndex:
        wanted, index = tuple(functions), self._index
        if index is None or index.functions != wanted:
            index = self._index = await FunctionIndex.made(wanted, embed=self._embed)
        return index

    def _too_small(
        self, room: Room, service: ChatService, goal: str, smallest: int
    ) -> PlannerError | ContextLengthError:
        """The error when not even the function fits that takes the fewest tokens."""
        limit = service.context_tokens
        if limit is None or self._tokens is not None:
            need = (
                f"function_tokens={room.tokens} holds no function; the shortest takes {smallest}. Raise it."
            )
            return PlanNotPossible(need, goal=goal)
        return ContextLengthError(service.name, limit - (room.tokens or 0) + smallest, limit)


def _tokens_among_choices(function: KernelFunction) -> int:
    """About how many tokens a function takes where the strategy ``choices`` shows it."""
    return estimate_tokens(f"Request: {said(function)}.\nTool: {function.full_name}\n\n")
