"""Arguments of one call: of all combinations of options, the likeliest that uses no text twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product, repeat

from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners.choices.clauses import Piece, mentions, names_left, pieces
from planloom.planners.choices.draft import Asked, DraftCall, Given, Literal, Output, shown
from planloom.planners.choices.options import PENDING, Flow, Option, Options
from planloom.planners.writing import PlanChoice

__all__ = ["Filled", "Filler"]

SWAPPED = 0.75
"""What two texts lose that come in another order than their parameters."""
UNANSWERED = 1.0
"""What a call loses for each question to the user: another function may need none."""
TRIED_TOGETHER = 4
"""Parameters whose options are all tried with each other; calls with more get the best one or the last."""


@dataclass(frozen=True)
class Filled:
    """A call with its arguments, and how likely they are: the mean of their logarithms, less what is lost."""

    call: DraftCall
    score: float
    left: frozenset[str] = frozenset()
    """The names in the clause that the call has no use for."""
    choices: tuple[PlanChoice, ...] = ()


@dataclass(frozen=True)
class Filler:
    """Fills calls for one goal."""

    options: Options

    async def fill(self, function: KernelFunction, clause: Piece, flow: Flow, alone: bool = True) -> Filled:
        """A call of ``function`` for ``clause``, which takes what flows to it if it can.

        ``alone`` says that no other call is made for the clause, so that all names in it belong to this one.
        """
        parameters = function.parameters
        offered = [await self.options.of(function, parameter, clause, flow) for parameter in parameters]
        chosen = _likeliest(offered, clause if alone else None)
        pairs = zip(parameters, chosen, strict=True)
        values = {parameter.name: option.source for parameter, option in pairs if option.source is not None}
        call = DraftCall(function, values, clause)
        left = _left(chosen, clause)
        mean = sum(option.score for option in chosen) / max(1, len(chosen))
        told = tuple(map(_told, repeat(function), parameters, chosen, offered))
        return Filled(call, mean - self._losses(call, flow, bool(left)), frozenset(left), told)

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


def _left(chosen: Sequence[Option], clause: Piece) -> list[str]:
    return names_left(clause, [option.piece for option in chosen if option.piece])


def _likeliest(offered: Sequence[Sequence[Option]], clause: Piece | None) -> tuple[Option, ...]:
    if len(offered) > TRIED_TOGETHER:
        offered = [[*some[:1], some[-1]] for some in offered[:8]] + [some[-1:] for some in offered[8:]]
    possible = (chosen for chosen in product(*offered) if _possible(chosen))
    if clause is None:
        return max(possible, key=_score)
    return max(possible, key=lambda chosen: _score(chosen) - PENDING * bool(_left(chosen, clause)))


def _possible(chosen: Sequence[Option]) -> bool:
    texts = [option.piece for option in chosen if option.piece]
    sources = [option.source for option in chosen if isinstance(option.source, Given | Output)]
    return len(set(sources)) == len(sources) and not any(a.overlaps(b) for a, b in combinations(texts, 2))


def _score(chosen: Sequence[Option]) -> float:
    texts = [option.piece for option in chosen if option.piece and isinstance(option.source, Literal)]
    swapped = sum(after.start < before.start for before, after in combinations(texts, 2))
    return sum(option.score for option in chosen) - SWAPPED * swapped
