"""Measuring planners: what is counted, and how it is shown."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from planloom import Kernel, kernel_function
from planloom.errors import MissingExtraError, ServiceUnavailableError
from planloom.planners.errors import InvalidPlanError, PlanNotPossible
from planloom.planners.evaluation.evaluate import Contender, PlanMaker, evaluate, evaluate_folder
from planloom.planners.evaluation.goals import Goal, GoalFileError
from planloom.planners.evaluation.report import Outcome, Report
from planloom.planners.plan import Plan
from planloom.services import ScriptedService
from planloom.services.protocol import Usage
from planloom.usage import record_usage

SAY = '<plan><function.Talk.say text="{}"/></plan>'


class Talk:
    def __init__(self) -> None:
        self.said = 0

    @kernel_function
    def say(self, text: str) -> str:
        """Say something."""
        self.said += 1
        if text == "boom":
            raise ValueError(text)
        return f"{self.said}: {text}"


def catalogue() -> Mapping[str, object]:
    return {"Talk": Talk()}


GOALS = [
    Goal(id="a", catalogue="talk", goal="Say hi.", gold=(SAY.format("hi"),), expected="1: hi", steps=1),
    Goal(id="b", catalogue="talk", goal="Fly.", gold=("<plan/>",), tags=("impossible",)),
    Goal(
        id="c",
        catalogue="talk",
        goal="说你好。",
        gold=(SAY.format("你好"), SAY.format("hello")),
        expected="1: 你好",
        language="zh",
        steps=1,
    ),
]


class Scripted:
    """Makes the plan that a table has for a goal; an error there is raised."""

    def __init__(self, kernel: Kernel, answers: Mapping[str, str | Exception]) -> None:
        self._kernel, self._answers = kernel, answers

    async def create_plan(self, goal: str, *, inputs: Sequence[str]) -> Plan:
        record_usage(Usage(100, 20, 1))
        answer = self._answers[goal]
        if isinstance(answer, Exception):
            raise answer
        return Plan.parse(answer, self._kernel, inputs=inputs)


def contender(*answers: str | Exception, strategy: str = "scripted") -> Contender:
    table = dict(zip((goal.goal for goal in GOALS), answers, strict=True))

    def make(kernel: Kernel) -> PlanMaker:
        return Scripted(kernel, table)

    return Contender(strategy, ScriptedService([]), make)


def ticking() -> Iterator[float]:
    seconds = 0.0
    while True:
        yield seconds
        seconds += 0.5


def measured(*contenders: Contender) -> Report:
    ticks = ticking()
    return asyncio.run(evaluate(GOALS, {"talk": catalogue}, contenders, clock=lambda: next(ticks)))


IMPOSSIBLE = PlanNotPossible("no", goal="Fly.")
INVALID = InvalidPlanError("bad", goal="Fly.")
RIGHT = contender(SAY.format("hi"), IMPOSSIBLE, SAY.format("hello"))
WRONG = contender(SAY.format("hi there"), INVALID, IMPOSSIBLE, strategy="worse")


def test_all_right() -> None:
    (summary,) = measured(RIGHT).summaries()
    assert summary.group == ("scripted", RIGHT.service.name)
    assert (summary.goals, summary.valid, summary.f1, summary.structure, summary.whole) == (3, 1, 1, 1, 1)
    assert (summary.calls, summary.prompt_tokens, summary.output_tokens) == (1, 100, 20)
    assert summary.seconds == pytest.approx(0.5)


def test_all_wrong_in_three_ways() -> None:
    first, second, third = measured(WRONG).outcomes
    assert (first.valid, first.score.structure, first.score.arguments, first.score.whole) == (
        True,
        True,
        False,
        False,
    )
    assert (second.valid, second.error) == (False, "InvalidPlanError")
    assert (third.valid, third.error, third.score.recall, third.result) == (True, "PlanNotPossible", 0, False)


def resulted(plan: str, *gold: str, expected: str | None) -> tuple[bool, bool]:
    """Whether a plan is right, and whether its run is, for a goal with these gold plans."""
    goal = Goal(id="d", catalogue="talk", goal="Say hi.", gold=gold, expected=expected)
    made = contender(plan, IMPOSSIBLE, IMPOSSIBLE)
    (outcome,) = asyncio.run(evaluate([goal], {"talk": catalogue}, [made])).outcomes
    return outcome.score.whole, outcome.result


HI, HELLO, BOOM = map(SAY.format, ("hi", "hello", "boom"))


def test_a_right_plan_that_fails_to_run_has_no_result() -> None:
    assert resulted(BOOM, BOOM, expected="1: boom") == (True, False)
    assert resulted(BOOM, BOOM, expected=None) == (True, False)


def test_a_right_plan_that_gives_something_else_has_no_result() -> None:
    returned = HI.replace("</plan>", '<result name="RESULT__HI" value="Hi!"/></plan>')
    assert resulted(returned, HI, HELLO, expected="1: hi") == (True, False)


def test_what_another_gold_plan_gives_is_a_result_too() -> None:
    assert resulted(HELLO, HI, HELLO, expected="1: hi") == (True, True)
    assert resulted(HELLO, HI, BOOM, expected="1: hi") == (False, False)


def test_where_nothing_is_expected_a_right_plan_that_runs_has_a_result() -> None:
    assert resulted(HI, HI, expected=None) == (True, True)
    assert resulted(HELLO, HI, expected=None) == (False, False)


def test_every_run_has_fresh_skills() -> None:
    outcomes = measured(RIGHT, RIGHT).outcomes
    assert all(outcome.result for outcome in outcomes)


def test_groups_come_with_their_means() -> None:
    report = measured(RIGHT, WRONG)
    by_length = {summary.group: summary.whole for summary in report.summaries(["strategy", "length"])}
    assert by_length == {
        ("scripted", "1-3 steps"): 1,
        ("scripted", "impossible"): 1,
        ("worse", "1-3 steps"): 0,
        ("worse", "impossible"): 0,
    }
    assert {summary.group for summary in report.summaries(["language"])} == {("en",), ("zh",)}
    with pytest.raises(ValueError, match="not by colour"):
        report.summaries(["colour"])


def test_the_table_is_markdown() -> None:
    head, rule, row = measured(RIGHT).table().splitlines()
    assert head.startswith("| strategy | service | goals | valid |")
    assert set(rule) <= set("|- ")
    assert "| 3 | 100.0 |" in row


def test_json_has_everything() -> None:
    found = json.loads(measured(WRONG).to_json())
    assert found["summaries"][0]["goals"] == 3
    assert [outcome["goal"] for outcome in found["outcomes"]] == ["a", "b", "c"]
    assert found["outcomes"][0]["score"]["f1"] == 1


def test_a_service_that_is_down_ends_the_evaluation() -> None:
    down = ServiceUnavailableError("model", "is down")
    with pytest.raises(ServiceUnavailableError):
        measured(contender(down, IMPOSSIBLE, IMPOSSIBLE))


def test_an_unknown_catalogue_is_named() -> None:
    with pytest.raises(GoalFileError, match="no catalogue 'talk'; there are: none"):
        asyncio.run(evaluate(GOALS, {}, [RIGHT]))


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "talk.jsonl").write_text("\n".join(goal.model_dump_json() for goal in GOALS))
    (tmp_path / "catalogues").mkdir()
    (tmp_path / "catalogues" / "talk.py").write_text(
        "from planloom import kernel_function\n"
        "def say(text: str) -> str:\n"
        "    return '1: ' + text\n"
        "def skills():\n"
        "    return {'Talk': Talk()}\n"
        "class Talk:\n"
        "    say = staticmethod(kernel_function(say))\n"
    )
    seen: list[Outcome] = []
    report = asyncio.run(evaluate_folder(tmp_path, [RIGHT], split="test", listener=seen.append))
    assert report.outcomes == tuple(seen)
    assert report.summaries()[0].whole == 1


class TestPlot:
    def test_needs_matplotlib(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        with pytest.raises(MissingExtraError, match="matplotlib"):
            measured(RIGHT).plot(tmp_path / "bars.png")

    def test_saves_a_picture(self, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib", reason="plots need matplotlib")
        measured(RIGHT, WRONG).plot(tmp_path / "bars.png")
        assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")
