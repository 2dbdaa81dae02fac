"""What happens while a plan is written: one typed stream, for progress on a screen and for traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from planloom.planners.attempt import Attempt
from planloom.planners.language.diagnostic import Diagnostic
from planloom.planners.plan import Plan
from planloom.services.protocol import Usage

__all__ = ["PlanChoice", "PlanReady", "PlanRepair", "PlanText", "PlanningEvent", "PlanningListener"]


@dataclass(frozen=True, slots=True)
class PlanText:
    """A piece of the plan's text that has just been written. Pieces belong to the latest attempt."""

    text: str
    kind: ClassVar[str] = "plan-text"


@dataclass(frozen=True, slots=True)
class PlanChoice:
    """The strategy ``choices`` has decided something: ``chosen``, out of ``options`` with their scores.

    ``question`` is the part of the goal that a function was chosen for, ``Skill.name parameter`` for an
    argument, or a result that a use was found for.
    """

    question: str
    chosen: str
    options: Sequence[tuple[str, float]]
    kind: ClassVar[str] = "plan-choice"


@dataclass(frozen=True, slots=True)
class PlanRepair:
    """An attempt failed and goes back to the model. ``attempt`` counts the failed ones from 1."""

    attempt: int
    problem: str
    diagnostics: tuple[Diagnostic, ...]
    kind: ClassVar[str] = "plan-repair"


@dataclass(frozen=True, slots=True)
class PlanReady:
    """The plan is written and checked; ``attempts`` are those that failed before it.

    ``seconds`` are those of the whole planning.
    """

    plan: Plan
    usage: Usage
    attempts: tuple[Attempt, ...]
    seconds: float = 0.0
    kind: ClassVar[str] = "plan-ready"


PlanningEvent = PlanText | PlanChoice | PlanRepair | PlanReady
PlanningListener = Callable[[PlanningEvent], None]
