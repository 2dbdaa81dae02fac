"""The goals that ship: every gold plan runs and gives what is expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from planloom.planners.evaluation.evaluate import gold_shapes
from planloom.planners.evaluation.goals import (
    Catalogue,
    Goal,
    GoalFileError,
    kernel_of,
    read_catalogues,
    read_goals,
)
from planloom.planners.evaluation.plan_score import score
from planloom.planners.plan import Plan
from planloom.planners.running.executor import Executor

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks" / "goals"
GOALS = read_goals(FOLDER)
POSSIBLE = [goal for goal in GOALS if not goal.impossible]


@pytest.fixture(scope="module")
def catalogues() -> Mapping[str, Catalogue]:
    return read_catalogues(FOLDER)


def run(goal: Goal, gold: str, catalogue: Catalogue) -> str:
    async def answer(question: str, name: str) -> Any:
        return goal.answers.get(name, "someone@example.com")

    kernel = kernel_of(catalogue)
    plan = Plan.parse(gold, kernel, inputs=list(goal.inputs))
    assert plan.warnings == ()
    return Executor(kernel, ask=answer).run_sync(plan, goal.inputs).text


@pytest.mark.parametrize("goal", POSSIBLE, ids=lambda goal: goal.id)
def test_gold_gives_what_is_expected(goal: Goal, catalogues: Mapping[str, Catalogue]) -> None:
    first, *others = (run(goal, gold, catalogues[goal.catalogue]) for gold in goal.gold)
    assert first == goal.expected
    assert all(others)


@pytest.mark.parametrize("goal", POSSIBLE, ids=lambda goal: goal.id)
def test_gold_scores_as_right(goal: Goal, catalogues: Mapping[str, Catalogue]) -> None:
    shapes = gold_shapes(goal, kernel_of(catalogues[goal.catalogue]))
    assert all(score(shape, shapes, ordered="order" in goal.tags).whole for shape in shapes)
    assert shapes[0].functions.total() - shapes[0].functions["ask"] == goal.steps


def test_the_set_is_large_and_mixed() -> None:
    assert len(GOALS) >= 120
    assert len({goal.catalogue for goal in GOALS}) >= 8
    assert len({goal.id for goal in GOALS}) == len(GOALS)
    languages = Counter(goal.language for goal in GOALS)
    assert languages["zh"] >= 30
    assert {goal.steps for goal in GOALS} >= {0, 1, 2, 3, 4, 5, 6, 8}
    tags = Counter(tag for goal in GOALS for tag in goal.tags)
    assert min(tags[tag] for tag in ("impossible", "missing", "declared", "distractors")) >= 9


def test_a_catalogue_is_in_one_split_only() -> None:
    splits = {(goal.catalogue, goal.split) for goal in GOALS}
    assert len(splits) == len({catalogue for catalogue, _ in splits})
    assert {split for _, split in splits} == {"dev", "test"}


def test_literals_of_gold_stand_in_the_goal(catalogues: Mapping[str, Catalogue]) -> None:
    """What a planner cannot know must not be asked of it; numbers in words and choices are exceptions."""
    unknowable = []
    for goal in POSSIBLE:
        shape = gold_shapes(goal, kernel_of(catalogues[goal.catalogue]))[0]
        for call in shape.calls:
            for name, value in call.arguments:
                literal = value[0] if isinstance(value[0], str) and not value[0].startswith("$") else ""
                if literal and literal.removesuffix(".0") not in goal.goal.casefold():
                    unknowable.append((goal.id, name, literal))
    assert {name for _, name, _ in unknowable} <= {"mode", "by", "percent", "source", "nights"}


def test_goals_of_one_split() -> None:
    assert {goal.split for goal in read_goals(FOLDER, "dev")} == {"dev"}


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_what_separates_lines_elsewhere_may_stand_in_a_goal(tmp_path: Path, separator: str) -> None:
    goal = Goal(id="1", catalogue="c", goal=f"Send{separator}this.", gold=("<plan/>",))
    (tmp_path / "x.jsonl").write_text(f"{goal.model_dump_json()}\n" * 2, encoding="utf-8")
    assert separator in (tmp_path / "x.jsonl").read_text(encoding="utf-8")
    assert read_goals(tmp_path) == [goal, goal]


class TestFaultyFolders:
    def test_no_goals(self, tmp_path: Path) -> None:
        with pytest.raises(GoalFileError, match=r"no \*\.jsonl files"):
            read_goals(tmp_path)

    def test_a_line_that_is_no_goal_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "x.jsonl").write_text('\n{"id": "1", "catalogue": "c", "goal": "g", "gold": []}\n')
        with pytest.raises(GoalFileError, match="line 2 is no goal: gold"):
            read_goals(tmp_path)

    def test_a_file_that_is_not_utf_8_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "x.jsonl").write_bytes('{"goal": "Grüße"}'.encode("latin-1"))
        with pytest.raises(GoalFileError, match=r"x\.jsonl: it is not UTF-8"):
            read_goals(tmp_path)

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "x.jsonl").mkdir()
        with pytest.raises(GoalFileError, match=r"x\.jsonl: it cannot be read"):
            read_goals(tmp_path)

    def test_no_catalogues(self, tmp_path: Path) -> None:
        with pytest.raises(GoalFileError, match="functions that the goals are about is missing"):
            read_catalogues(tmp_path / "goals")

    @pytest.mark.parametrize(
        ("source", "said"),
        [
            ("x = 1", "no function skills"),
            ("import nothing_of_that_name", "ModuleNotFoundError"),
            ("(", "Syntax"),
        ],
    )
    def test_a_broken_catalogue_is_named(self, tmp_path: Path, source: str, said: str) -> None:
        (tmp_path / "catalogues").mkdir()
        (tmp_path / "catalogues" / "bad.py").write_text(source)
        with pytest.raises(GoalFileError, match=said):
            read_catalogues(tmp_path)
