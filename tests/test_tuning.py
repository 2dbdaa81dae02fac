"""The catalogues that the bundled model is tuned with: each goal composed of them has a right plan."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

from planloom.functions import FunctionsView
from planloom.planners import Plan
from planloom.planners.choices.clauses import Piece
from planloom.planners.choices.draft import DraftCall, ordered, tree_of
from planloom.planners.drafting.line_grammar import label
from planloom.planners.drafting.line_reader import read_line

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from tuning.catalogue import Catalogue, kernel_functions, read_catalogue
from tuning.compose import Example, compose, draft_lines, from_goal

FILES = sorted((Path(__file__).resolve().parents[1] / "benchmarks" / "tuning" / "catalogues").glob("*.txt"))


@pytest.fixture(scope="module", params=FILES, ids=[file.stem for file in FILES])
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    return read_catalogue(request.param)


def plan_of(found: Example, catalogue: Catalogue) -> Plan | None:
    """The plan that the example's draft becomes, as a planner makes it; None for none."""
    functions = kernel_functions(catalogue)
    made: dict[str, DraftCall] = {}
    for line in draft_lines(found.calls):
        call = read_line(line, functions, found.inputs, made, Piece(found.goal, 0))
        made[label(call.function.name, made)] = call
    view = FunctionsView({name.lower(): function for name, function in functions.items()})
    return Plan(tree_of(ordered(made.values()), found.inputs), view, inputs=found.inputs) if made else None


def test_composed_goals_have_valid_plans(catalogue: Catalogue) -> None:
    names, chance = [each.name for each in catalogue.functions], Random(1)
    drawn = [compose(catalogue, names, chance, language) for language in ("en", "zh") * 20]
    found = [each for each in drawn if each is not None]
    assert len(found) > 20
    for each in found:
        assert each.goal
        assert "{" not in each.goal
        assert plan_of(each, catalogue) is not None


def test_whole_goals_have_valid_plans(catalogue: Catalogue) -> None:
    plans = [plan_of(from_goal(goal, catalogue, Random(1)), catalogue) for goal in catalogue.goals]
    assert sum(plan is None for plan in plans) >= 2
    assert sum(plan is not None for plan in plans) >= 12
    assert all("{" not in from_goal(goal, catalogue, Random(1)).goal for goal in catalogue.goals)


def test_no_catalogue_is_one_of_those_that_planners_are_measured_on() -> None:
    measured = {file.stem for file in (FILES[0].parents[2] / "goals").glob("*.jsonl")}
    assert len(FILES) >= 340
    assert not measured & {file.stem for file in FILES}
