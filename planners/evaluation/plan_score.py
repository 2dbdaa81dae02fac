"""How near a plan comes to the right ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planloom.planners.evaluation.plan_shape import PlanShape

__all__ = ["PlanScore", "score"]


@dataclass(frozen=True, slots=True)
class PlanScore:
    """A plan against the right one that it comes nearest to.

    ``precision`` and ``recall`` are of the functions called, each as often as it is called. ``structure``
    says that functions and edges are right, ``arguments`` that all arguments are, ``whole`` that the plan is.
    """

    precision: float
    recall: float
    structure: bool
    arguments: bool
    whole: bool

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


WRONG = PlanScore(0.0, 0.0, structure=False, arguments=False, whole=False)


def score(plan: PlanShape, gold: Sequence[PlanShape], *, ordered: bool = False) -> PlanScore:
    """``plan`` against its nearest gold plan.

    Args:
        gold: the plans that are right; one without calls means that the goal cannot be reached.
        ordered: whether the calls that change the world must also come in the right order.
    """
    scores = [_against(plan, right, ordered) for right in gold]
    return max(scores, key=lambda found: (found.whole, found.structure, found.arguments, found.f1))


def _against(plan: PlanShape, right: PlanShape, ordered: bool) -> PlanScore:
    shared = (plan.functions & right.functions).total()
    in_order = not ordered or plan.writes == right.writes
    return PlanScore(
        precision=_share(shared, plan.functions.total()),
        recall=_share(shared, right.functions.total()),
        structure=in_order and plan.structure == right.structure,
        arguments=plan.arguments == right.arguments,
        whole=in_order and plan.whole == right.whole,
    )


def _share(part: int, total: int) -> float:
    return part / total if total else 1.0
