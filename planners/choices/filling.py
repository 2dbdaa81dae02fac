"""Arguments of one call: of all combinations of options, the likeliest that uses no text twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product, repeat

from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners.choices.clauses import Piece, mentions, names_left, pieces, points_back
from planloom.planners.choices.draft import Asked, DraftCall, Given, Literal, Output, shown
from planloom.planners.choices.lookups import Lookups
from planloom.planners.choices.options import PENDING, Flow, Option, Options
from planloom.planners.writing import PlanChoice

__all__ = ["Filled", "Filler"]

SWAPPED = 0.75
"""What two texts lose that come in another order than their parameters."""
UNANSWERED = 1.0
"""What a call loses for each question to the user: another function may need none."""
DEEPEST = 3
"""Look-ups that take each other's output."""
LOOKED_UP = 2
"""So many other texts may be looked up for the same parameter."""
TRIED_TOGETHER = 4
"""Parameters whose options are all tried with each other; calls with more get the best one or the last."""


@dataclass(frozen=True)
class Filled:
    """A call with its arguments: how likely they are in the mean, and what they lose by leaving out."""

    call: DraftCall
    mean: float
    losses: float
    used: tuple[Piece, ...] = ()
    left: frozenset[str] = frozenset()
    """The names in the clause that the call has no use for."""
    choices: tuple[PlanChoice, ...] = ()

    @property
    def score(self) -> float:
        return self.mean - self.losses


@dataclass(frozen=True)
class Filler:
    """Fills calls for one goal, and the look-ups that they take."""

    options: Options
    lookups: Lookups

    async def fill(
        self, function: KernelFunction, clause: Piece, flow: Flow, alone: bool = True, depth: int = 0
    ) -> Filled:
        """A call of ``function`` for ``clause``, which takes what flows to it if it can.

        ``alone`` says that no other call is made for the clause, so that all names in it belong to this one.
        ``depth`` is how many calls take its output in turn.
        """
        offered = []
        for parameter in function.parameters:
            looked_up = await self._looked_up(function, parameter, clause, flow, depth)
            offered.append(await self.options.of(parameter, clause, flow, looked_up))
        chosen = _likeliest(offered, clause if alone else None)
        pairs = list(zip(function.parameters, chosen, strict=True))
        values = {parameter.name: option.source for parameter, option in pairs if option.source is not None}
        call = DraftCall(function, values, clause)
        used = _pieces(chosen)
        left = frozenset(names_left(clause, used))
        mean = sum(option.score for option in chosen) / max(1, len(chosen))
        told = tuple(map(_told, repeat(function), function.parameters, chosen, offered))
        return Filled(call, mean, self._losses(call, flow, bool(left)), used, left, told)

    async def _looked_up(
        self, function: KernelFunction, parameter: Parameter, clause: Piece, flow: Flow, depth: int
    ) -> list[Option]:
        """A look-up of what is wanted, unless the clause has it in so many words."""
        producer = await self.lookups.producer(function, parameter) if depth < DEEPEST else None
        if producer is None:
            return []
        literals = await self.options.literals(parameter, clause)
        if literals and await self.lookups.is_direct(literals[0].text, parameter, producer):
            return []
        found = await self.fill(producer, clause, replace(flow, worth=0.0), alone=False, depth=depth + 1)
        return [Option(Output(found.call), found.mean, found.used), *await self._others(found, clause)]

    async def _others(self, found: Filled, clause: Piece) -> list[Option]:
        """The same look-up of the clause's other texts, for calls that take two values of a kind."""
        needed = [parameter for parameter in found.call.function.parameters if parameter.required]
        if len(needed) != 1 or not isinstance(found.call.values.get(needed[0].name), Literal):
            return []
        others = [
            option
            for option in await self.options.literals(needed[0], clause)
            if not any(piece.overlaps(used) for piece in option.pieces for used in found.used)
        ]
        return [
            Option(
                Output(DraftCall(found.call.function, {needed[0].name: option.source}, clause)),
                option.score,
                option.pieces,
            )
            for option in others[:LOOKED_UP]
            if option.source is not None
        ]

    def _losses(self, call: DraftCall, flow: Flow, names: bool) -> float:
        """What the call leaves out (the value before it, inputs and names of the clause) and asks."""
        inputs = [n for n in self.options.inputs if n not in flow.hides and _mentioned(call.clause, n)]
        lost = sum(not call.takes(Given(name)) for name in inputs) + names
        lost += flow.worth > 0 and not call.takes(flow.source)
        return PENDING * lost + UNANSWERED * sum(isinstance(value, Asked) for value in call.values.values())


def _told(
    function: KernelFunction, parameter: Parameter, chosen: Option, offered: Sequence[Option]
) -> PlanChoice:
    options = tuple((shown(option.source), option.score) for option in offered)
    return PlanChoice(f"{function.full_name} {parameter.name}", shown(chosen.source), options)


def _mentioned(clause: Piece, name: str) -> bool:
    return any(mentions(piece.text, name) for piece in pieces(clause))


def _pieces(chosen: Sequence[Option]) -> tuple[Piece, ...]:
    return tuple(piece for option in chosen for piece in option.pieces)


def _likeliest(offered: Sequence[Sequence[Option]], clause: Piece | None) -> tuple[Option, ...]:
    if len(offered) > TRIED_TOGETHER:
        offered = [[*some[:1], some[-1]] for some in offered[:8]] + [some[-1:] for some in offered[8:]]
    possible = (chosen for chosen in product(*offered) if _possible(chosen))
    if clause is None:
        return max(possible, key=_score)
    return max(
        possible, key=lambda chosen: _score(chosen) - PENDING * bool(names_left(clause, _pieces(chosen)))
    )


def _possible(chosen: Sequence[Option]) -> bool:
    sources = [option.source for option in chosen if isinstance(option.source, Given | Output)]
    return len(set(sources)) == len(sources) and not any(
        one.overlaps(other)
        for before, after in combinations(chosen, 2)
        for one, other in product(before.pieces, after.pieces)
    )


def _score(chosen: Sequence[Option]) -> float:
    texts = [option.pieces[0] for option in chosen if len(option.pieces) == 1 and _is_said(option)]
    swapped = sum(after.start < before.start for before, after in combinations(texts, 2))
    return sum(option.score for option in chosen) - SWAPPED * swapped


def _is_said(option: Option) -> bool:
    """Whether a text of the goal is the value, or what the value is looked up by."""
    return isinstance(option.source, Literal) or (
        isinstance(option.source, Output) and not points_back(option.text)
    )
