"""The catalogues that the bundled model is tuned with: each goal composed of them has a right plan."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from tuning.catalogue import Catalogue, kernel_functions, read_catalogue
from tuning.compose import compose, from_goal
from tuning.held_out import plan_of

FILES = sorted((Path(__file__).resolve().parents[1] / "benchmarks" / "tuning" / "catalogues").glob("*.txt"))


@pytest.fixture(scope="module", params=FILES, ids=[file.stem for file in FILES])
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    return read_catalogue(request.param)


def test_composed_goals_have_valid_plans(catalogue: Catalogue) -> None:
    names, chance = [each.name for each in catalogue.functions], Random(1)
    drawn = [compose(catalogue, names, chance, language) for language in ("en", "zh") * 10]
    found = [each for each in drawn if each is not None]
    assert len(found) >= 6
    functions = kernel_functions(catalogue)
    for each in found:
        assert each.goal
        assert "{" not in each.goal
        assert plan_of(each, functions) is not None


def test_whole_goals_have_valid_plans(catalogue: Catalogue) -> None:
    examples = [from_goal(goal, catalogue, Random(1)) for goal in catalogue.goals]
    functions = kernel_functions(catalogue)
    plans = [plan_of(example, functions) for example in examples]
    assert sum(plan is None for plan in plans) >= 2
    assert sum(plan is not None for plan in plans) >= 12
    assert all("{" not in example.goal for example in examples)


def test_no_catalogue_is_one_of_those_that_planners_are_measured_on() -> None:
    measured = {file.stem for file in (FILES[0].parents[2] / "goals").glob("*.jsonl")}
    assert len(FILES) >= 1000
    assert not measured & {file.stem for file in FILES}
