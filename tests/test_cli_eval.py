"""``planloom eval``: measuring a model's plans, from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from command_line import CommandLine
from planloom.services import ScriptedService

SAY = '<plan><function.Talk.say text="{}"/></plan>'
TALK = '''
from planloom import kernel_function

class Talk:
    @kernel_function(effect="none")
    def say(self, text: str) -> str:
        """Say something."""
        return text

def skills():
    return {"Talk": Talk()}
'''
GOALS = [
    {"id": "hi", "catalogue": "talk", "goal": "Say hi", "gold": [SAY.format("hi")], "split": "dev"},
    {"id": "bye", "catalogue": "talk", "goal": "Say bye", "gold": [SAY.format("bye")]},
    {"id": "fly", "catalogue": "talk", "goal": "Fly", "gold": ["<plan/>"]},
]


@pytest.fixture
def goals(cli: CommandLine) -> CommandLine:
    """A command line with a folder ``goals``, and a model that gets the first and the last right."""
    (cli.folder / "goals" / "catalogues").mkdir(parents=True)
    cli.write("goals/catalogues/talk.py", TALK)
    cli.write("goals/talk.jsonl", "\n".join(map(json.dumps, GOALS)))
    cli.answer_with(lambda: ScriptedService([SAY.format("hi"), SAY.format("hi"), "<plan/>"]))
    return cli


def test_the_table_says_how_many_plans_are_right(goals: CommandLine) -> None:
    ran = goals("eval", "goals")
    head, _, row = ran.out.splitlines()
    cells = dict(zip(split(head), split(row), strict=True))
    assert (ran.code, cells["strategy"], cells["goals"]) == (0, "auto", "3")
    assert (cells["valid"], cells["structure"], cells["whole"]) == ("100.0", "100.0", "66.7")
    assert [line.split()[0] for line in ran.err.splitlines()] == ["ok", "no", "ok"]


def split(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_quiet_gives_the_table_only(goals: CommandLine) -> None:
    assert goals("eval", "goals", "--quiet").err == ""


def test_only_one_split(goals: CommandLine) -> None:
    ran = goals("eval", "goals", "--split", "dev")
    assert "| 1 | 100.0 |" in ran.out
    assert [line.split()[-2:] for line in ran.err.splitlines()] == [["Say", "hi"]]


def test_rows_by_a_property_of_the_goals(goals: CommandLine) -> None:
    rows = [split(row) for row in goals("eval", "goals", "--by", "split").out.splitlines()]
    assert [row[2] for row in rows] == ["split", "---", "dev", "test"]


def test_json_has_means_and_outcomes(goals: CommandLine) -> None:
    found = json.loads(goals("eval", "goals", "--json", "--strategy", "one-shot").out)
    assert [outcome["goal"] for outcome in found["outcomes"]] == ["hi", "bye", "fly"]
    assert found["summaries"][0]["group"][0] == "one-shot"


def test_strategies_are_compared(goals: CommandLine) -> None:
    plans = [SAY.format("hi"), SAY.format("bye"), "<plan/>"] * 2
    goals.answer_with(ScriptedService(plans))
    ran = goals("eval", "goals", "--strategy", "one-shot", "--strategy", "auto", "--strategy", "auto")
    assert [split(row)[0] for row in ran.out.splitlines()[2:]] == ["one-shot", "auto"]


def test_a_plot_is_saved(goals: CommandLine) -> None:
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    assert goals("eval", "goals", "--plot", "bars.png").code == 0
    assert (goals.folder / "bars.png").read_bytes().startswith(b"\x89PNG")
    for name in ("gone/bars.png", "bars.exe"):
        refused = goals("eval", "goals", "--plot", name)
        assert refused.code == 2
        assert f"--plot {name}: " in refused.err


def test_the_table_comes_before_a_plot_that_cannot_be_made(
    goals: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    ran = goals("eval", "goals", "--plot", "bars.png")
    assert ran.code == 2
    assert "| whole |" in ran.out
    assert "planloom[plot]" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere",), 2, "there are no *.jsonl files with goals here"),
        (("goals", "--split", "train"), 2, "invalid choice"),
        (("goals", "--strategy", "guess"), 2, "invalid choice"),
        (("goals", "--strategy", "choices"), 4, "cannot score text"),
        (("goals", "--base-url", "http://localhost:1/v1"), 2, "name the server's model too"),
        ((), 2, "required: FOLDER"),
    ],
)
def test_bad_input(goals: CommandLine, words: tuple[str, ...], code: int, said: str) -> None:
    ran = goals("eval", *words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_a_split_without_goals_is_said(goals: CommandLine, tmp_path: Path) -> None:
    goals.write("goals/talk.jsonl", json.dumps(GOALS[0]))
    ran = goals("eval", "goals", "--split", "test")
    assert ran.code == 2
    assert "no goals of the split test" in ran.err


def test_a_wrong_gold_plan_is_named(goals: CommandLine) -> None:
    goals.write(
        "goals/talk.jsonl", json.dumps(GOALS[0] | {"gold": [SAY.format("hi").replace("say", "shout")]})
    )
    ran = goals("eval", "goals")
    assert ran.code == 1
    assert "Talk.shout" in ran.err


def test_a_catalogue_may_import_modules_of_the_working_folder(goals: CommandLine) -> None:
    goals.write("talking_here.py", TALK)
    goals.write("goals/catalogues/talk.py", "from talking_here import skills\n")
    assert goals("eval", "goals", "--quiet").code == 0
    sys.modules.pop("talking_here", None)


@pytest.mark.parametrize("text", ["import nowhere_at_all", "1 / 0", "raise KeyError('x')"])
def test_a_catalogue_that_fails_is_named(goals: CommandLine, text: str) -> None:
    goals.write("goals/catalogues/talk.py", text)
    ran = goals("eval", "goals")
    assert ran.code == 2
    assert "talk.py" in ran.err
    assert "cannot be imported" in ran.err
