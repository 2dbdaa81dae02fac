"""The strategy ``draft`` on goals of the catalogues that no training sees. Run from benchmarks/:

``python -m tuning.held_out [GOALS-OF-EACH]``

Other goals than those of ``planloom eval goals``, written by the same hands as what was learnt: they judge a
change of the planner with less chance in it, and not how well it does in the world.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from random import Random

from planloom.function import KernelFunction
from planloom.functions import FunctionsView
from planloom.planners import Plan, SequentialPlanner
from planloom.planners.choices.clauses import Piece
from planloom.planners.choices.draft import DraftCall, ordered, tree_of
from planloom.planners.drafting.line_grammar import label
from planloom.planners.drafting.line_reader import read_line
from planloom.planners.evaluation.evaluate import Contender, evaluate
from planloom.planners.evaluation.goals import IMPOSSIBLE, Goal
from planloom.planners.evaluation.report import Outcome
from planloom.services import LlamaService
from planloom.skill import Skill
from tuning.build import read_catalogues
from tuning.catalogue import Catalogue, kernel_functions
from tuning.compose import Example, draft_lines, from_goal

__all__ = ["main", "plan_of"]


def plan_of(found: Example, functions: Mapping[str, KernelFunction]) -> Plan | None:
    """The plan that the example's draft becomes, as a planner makes it; None for none."""
    made: dict[str, DraftCall] = {}
    for line in draft_lines(found.calls):
        call = read_line(line, functions, found.inputs, made, Piece(found.goal, 0))
        made[label(call.function.name, made)] = call
    view = FunctionsView({name.lower(): function for name, function in functions.items()})
    return Plan(tree_of(ordered(made.values()), found.inputs), view, inputs=found.inputs) if made else None


def goals_of(catalogue: Catalogue, count: int) -> list[Goal]:
    random = Random(catalogue.name)
    whole = random.sample(catalogue.goals, min(count, len(catalogue.goals)))
    return [
        _goal(from_goal(each, catalogue, random), catalogue, number) for number, each in enumerate(whole, 1)
    ]


def _goal(found: Example, catalogue: Catalogue, number: int) -> Goal:
    plan = plan_of(found, kernel_functions(catalogue))
    return Goal(
        id=f"{catalogue.name}-{number:02}",
        catalogue=catalogue.name,
        goal=found.goal,
        gold=(str(plan) if plan else IMPOSSIBLE,),
        inputs=dict.fromkeys(found.inputs, "text"),
        language=found.language,
        steps=len(found.calls),
    )


def skills_of(catalogue: Catalogue) -> Mapping[str, Skill]:
    skills: dict[str, dict[str, KernelFunction]] = {}
    for function in kernel_functions(catalogue).values():
        skills.setdefault(function.skill, {})[function.name] = function
    return {name: Skill(name, "", functions) for name, functions in skills.items()}


def told(outcome: Outcome) -> None:
    if not outcome.score.whole:
        print(f"{outcome.goal.id}: {outcome.goal.goal}\n  {outcome.plan or outcome.error}", flush=True)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    catalogues = {each.name: each for each in read_catalogues(held_out=True)}
    goals = [goal for each in catalogues.values() for goal in goals_of(each, count)]
    contender = Contender("draft", LlamaService(), lambda kernel: SequentialPlanner(kernel, strategy="draft"))
    makers = {name: lambda each=each: skills_of(each) for name, each in catalogues.items()}
    report = asyncio.run(evaluate(goals, makers, [contender], listener=told))
    print(report.table())


if __name__ == "__main__":
    main()
