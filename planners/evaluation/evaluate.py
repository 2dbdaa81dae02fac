"""Measuring planners on goals with gold plans."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from planloom.errors import BudgetExceededError, ContextLengthError, FunctionError
from planloom.kernel import Kernel
from planloom.planners.errors import PlanError, PlannerError, PlanNotPossible
from planloom.planners.evaluation.goals import (
    Catalogue,
    Goal,
    GoalFileError,
    kernel_of,
    read_catalogues,
    read_goals,
)
from planloom.planners.evaluation.plan_score import WRONG, PlanScore, score
from planloom.planners.evaluation.plan_shape import PlanShape, shape_of
from planloom.planners.evaluation.report import Outcome, Report
from planloom.planners.plan import Plan
from planloom.planners.running.executor import Executor
from planloom.planners.running.run_errors import RunError
from planloom.services.protocol import ChatService
from planloom.usage import metered

__all__ = ["Contender", "PlanMaker", "evaluate", "evaluate_folder"]

ORDERED = "order"
"""The tag of goals that say in which order the world is to be changed."""

RUN_SECONDS = 30.0


class PlanMaker(Protocol):
    """What makes plans: ``SequentialPlanner``, or anything with this method."""

    async def create_plan(self, goal: str, *, inputs: Sequence[str]) -> Plan: ...


@dataclass(frozen=True)
class Contender:
    """A strategy with a service; ``make`` gives its planner for a kernel that has service and functions."""

    strategy: str
    service: ChatService
    make: Callable[[Kernel], PlanMaker]


async def evaluate_folder(
    folder: str | Path,
    contenders: Iterable[Contender],
    *,
    split: str | None = None,
    listener: Callable[[Outcome], None] | None = None,
) -> Report:
    """Measure on the goals of a folder, with its catalogues (see ``planloom.planners.evaluation.goals``).

    Raises what ``read_goals``, ``read_catalogues`` and ``evaluate`` raise.
    """
    goals = read_goals(folder, split)
    return await evaluate(goals, read_catalogues(folder), contenders, listener=listener)


async def evaluate(
    goals: Sequence[Goal],
    catalogues: Mapping[str, Catalogue],
    contenders: Iterable[Contender],
    *,
    listener: Callable[[Outcome], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Report:
    """Let every contender plan every goal, one after the other, and compare with gold.

    Args:
        catalogues: the functions, by the name that goals call them.
        listener: called with every outcome as it comes.
        clock: seconds.

    Raises:
        GoalFileError: a goal names a catalogue that is not there.
        PlanError: a gold plan is wrong.
        ServiceError: a model cannot be reached; a prompt that is too long is only that goal's fault.
    """
    outcomes = []
    for contender in contenders:
        makers: dict[str, tuple[Kernel, PlanMaker]] = {}
        for goal in goals:
            catalogue = _catalogue(goal, catalogues)
            if goal.catalogue not in makers:
                kernel = kernel_of(catalogue, Kernel(contender.service))
                makers[goal.catalogue] = kernel, contender.make(kernel)
            outcome = await _measured(contender, *makers[goal.catalogue], goal, catalogue, clock)
            outcomes.append(outcome)
            if listener is not None:
                listener(outcome)
    return Report(tuple(outcomes))


async def _measured(
    contender: Contender,
    kernel: Kernel,
    maker: PlanMaker,
    goal: Goal,
    catalogue: Catalogue,
    clock: Callable[[], float],
) -> Outcome:
    started = clock()
    with metered(what=f"goal {goal.id}") as meter:
        made = await _made(maker, goal)
    seconds = clock() - started
    found = _scored(made, goal, kernel)
    return Outcome(
        goal=goal,
        strategy=contender.strategy,
        service=contender.service.name,
        plan=str(made) if isinstance(made, Plan) else "",
        error="" if isinstance(made, Plan) else type(made).__name__,
        valid=isinstance(made, Plan | PlanNotPossible),
        score=found,
        result=await _gives_result(made, found, goal, catalogue),
        calls=meter.usage.calls,
        prompt_tokens=meter.usage.prompt_tokens,
        output_tokens=meter.usage.completion_tokens,
        seconds=seconds,
    )


Failure = PlannerError | PlanError | ContextLengthError | BudgetExceededError


async def _made(maker: PlanMaker, goal: Goal) -> Plan | Failure:
    try:
        return await maker.create_plan(goal.goal, inputs=list(goal.inputs))
    except (PlannerError, PlanError, ContextLengthError, BudgetExceededError) as error:
        return error


def _scored(made: Plan | Failure, goal: Goal, kernel: Kernel) -> PlanScore:
    if not isinstance(made, Plan | PlanNotPossible):
        return WRONG
    shape = shape_of(made.tree, kernel.functions) if isinstance(made, Plan) else PlanShape()
    return score(shape, gold_shapes(goal, kernel), ordered=ORDERED in goal.tags)


def gold_shapes(goal: Goal, kernel: Kernel) -> list[PlanShape]:
    """The shapes of a goal's gold plans; an empty one when it cannot be reached. Raises ``PlanError``."""
    if goal.impossible:
        return [PlanShape()]
    plans = [Plan.parse(text, kernel, inputs=list(goal.inputs)) for text in goal.gold]
    return [shape_of(plan.tree, kernel.functions) for plan in plans]


async def _gives_result(made: Plan | Failure, found: PlanScore, goal: Goal, catalogue: Catalogue) -> bool:
    """Whether a run gives what a gold plan's does; where nothing is expected, whether a right plan runs."""
    if not isinstance(made, Plan):
        return found.whole
    text = await _ran(made, goal, catalogue)
    if text is None or goal.expected is None:
        return text is not None and found.whole
    if text == goal.expected:
        return True
    others = [Plan.parse(gold, kernel_of(catalogue), inputs=list(goal.inputs)) for gold in goal.gold[1:]]
    return text in [await _ran(other, goal, catalogue) for other in others]


async def _ran(plan: Plan, goal: Goal, catalogue: Catalogue) -> str | None:
    """The text of a run over fresh skills; None when it fails."""

    async def answer(question: str, name: str) -> Any:
        return goal.answers.get(name, next(iter(goal.answers.values()), ""))

    executor = Executor(kernel_of(catalogue), ask=answer, timeout=RUN_SECONDS)
    try:
        fresh = Plan(plan.tree, executor.kernel.functions, inputs=list(goal.inputs))
        return (await executor.run(fresh, goal.inputs)).text
    except (PlanError, RunError, FunctionError):
        return None


def _catalogue(goal: Goal, catalogues: Mapping[str, Catalogue]) -> Catalogue:
    if goal.catalogue not in catalogues:
        known = ", ".join(catalogues) or "none"
        raise GoalFileError(Path(goal.id), f"there is no catalogue {goal.catalogue!r}; there are: {known}.")
    return catalogues[goal.catalogue]
