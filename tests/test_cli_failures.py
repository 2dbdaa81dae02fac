"""Whatever goes wrong: one clear message on standard error, the right exit code, and no traceback."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from command_line import CLASSIC, CommandLine
from planloom.cli.exits import Exit, exit_for
from planloom.errors import BudgetExceededError, ServiceAuthError, ServiceUnavailableError
from planloom.services import ScriptedService

SKILLS = ("--skill", "my_skills.py")

USAGE_FAULTS: dict[str, tuple[Sequence[str], str]] = {
    "no such plan": (("run", "missing.xml"), "there is no file missing.xml"),
    "no such plan to check": (("check", "missing.xml"), "there is no file missing.xml"),
    "a folder": (("check", "."), ". cannot be read"),
    "no skill for a goal": (("run", "Do something"), "at least one --skill"),
    "no skill file": (("check", "plan.xml", "--skill", "nowhere.py:X"), "there is no file nowhere.py"),
    "no such class": (
        ("check", "plan.xml", "--skill", "my_skills.py:Emialer"),
        "it has no Emialer. Did you mean Emailer?",
    ),
    "no such shipped skill": (("functions", "--skill", "TxtSkill"), "Did you mean TextSkill"),
    "no such module": (("functions", "--skill", "no_such.module:X"), "there is no module no_such"),
    "not a skill": (("functions", "--skill", "my_skills.py:NICKNAMES"), "not callable"),
    "no functions": (("functions", "--skill", "json:JSONDecoder"), "has no functions"),
    "needs arguments": (
        ("functions", "--skill", "FileSkill"),
        "FileSkill(...) in a file, and name",
    ),
    "same skill twice": (("functions", *SKILLS, *SKILLS), "has a skill called Names"),
    "empty prompt folder": (("functions", "--skill", "."), "holds no prompt"),
    "bad --var": (("run", "plan.xml", *SKILLS, "--var", "subject"), "NAME=VALUE"),
    "bad name": (("run", "plan.xml", *SKILLS, "--var", "a b=1"), "cannot be the name of a variable"),
    "twice": (("run", "plan.xml", *SKILLS, "--var", "a=1", "--var", "A=2"), "given twice"),
    "bad JSON": (("run", "plan.xml", *SKILLS, "--var", "a:={"), "is not JSON"),
    "no input file": (("run", "plan.xml", *SKILLS, "--input-file", "gone.txt"), "no file gone.txt"),
    "not a plan's name": (("run", "my_skills.py", *SKILLS), "my_skills.py is a file; a plan's file ends in"),
    "a plan for plan": (("plan", "plan.xml", *SKILLS), "is a plan already"),
    "server without model": (("run", "Do it", *SKILLS, "--base-url", "http://localhost:1/v1"), "--model"),
    "no key": (
        (
            "run",
            "Do it",
            *SKILLS,
            "--base-url",
            "http://x/v1",
            "--model",
            "m",
            "--api-key-env",
            "NO_KEY",
        ),
        "NO_KEY: this environment variable is not set",
    ),
    "no functions named": (("functions",), "name the skills to list"),
}


@pytest.mark.parametrize(("arguments", "said"), USAGE_FAULTS.values(), ids=list(USAGE_FAULTS))
def test_a_wrong_command_line_is_2(cli: CommandLine, arguments: Sequence[str], said: str) -> None:
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("planloom: ")
    assert said in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("fly", "plan.xml"),
        ("run", "plan.xml", "--max-concurrency", "0"),
        ("run", "plan.xml", "--timeout", "soon"),
        ("run", "plan.xml", "--timeout", "inf"),
        ("run", "plan.xml", "--budget", "-3"),
        ("run", "plan.xml", "--input", "a", "--input-file", "b"),
    ],
)
def test_what_argparse_refuses_is_2(cli: CommandLine, arguments: Sequence[str]) -> None:
    ran = cli(*arguments)
    assert ran.code == 2
    assert "usage: planloom" in ran.err


BROKEN_SKILLS = {
    "syntax": ("def f(:\n", "broken.py:1: SyntaxError"),
    "raises": ("x = 1\ny = 1 / 0\n", "broken.py:2: ZeroDivisionError: division by zero"),
    "import": ("import no_such_library\n", "broken.py:1: ModuleNotFoundError"),
    "exits": ("raise SystemExit(3)\n", "broken.py:1: SystemExit: 3"),
    "nothing": ("class A:\n    def f(self): ...\n", "nothing in it has @kernel_function"),
}


@pytest.mark.parametrize(("text", "said"), BROKEN_SKILLS.values(), ids=list(BROKEN_SKILLS))
def test_a_broken_skill_file_is_named_with_its_line(cli: CommandLine, text: str, said: str) -> None:
    cli.write("broken.py", text)
    ran = cli("functions", "--skill", "broken.py")
    assert ran.code == 2
    assert ran.err.startswith("planloom: --skill broken.py: ")
    assert said in ran.err


def test_a_wrong_plan_is_1_with_every_diagnostic_under_the_files_name(cli: CommandLine) -> None:
    cli.write("bad.xml", CLASSIC.replace("sendEmail", "sendMail").replace("getNickName", "getNick"))
    ran = cli("run", "bad.xml", *SKILLS)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("error[unknown-function]") == 2
    assert "bad.xml:2:3" in ran.err


def test_a_missing_input_is_1_and_says_how_to_give_it(cli: CommandLine) -> None:
    ran = cli("run", "plan.xml", *SKILLS, "--input", "x")
    assert ran.code == 1
    assert "the run does not supply $subject" in ran.err
    assert "--var NAME=VALUE" in ran.err


def test_no_plan_for_a_goal_is_1(cli: CommandLine) -> None:
    cli.answer_with(lambda: ScriptedService(["<plan/>"]))
    impossible = cli("run", "Fly to the moon", *SKILLS)
    assert (impossible.code, impossible.out) == (1, "")
    assert "cannot be reached" in impossible.err
    assert cli("run", "   ", *SKILLS).code == 1


FAILING = """\
from planloom import kernel_function

class Failing:
    @kernel_function(effect="none")
    def now(self) -> str:
        "Fails."
        raise ValueError("no such luck\\x1b[31m")
"""


def test_a_failing_step_is_3_and_cannot_paint_the_terminal(cli: CommandLine) -> None:
    cli.write("failing.py", FAILING)
    cli.write("fail.xml", "<plan><function.Failing.now/></plan>")
    ran = cli("run", "fail.xml", "--skill", "failing.py")
    assert (ran.code, ran.out) == (3, "")
    assert "step 1 (Failing.now), line 1, failed: ValueError: no such luck" in ran.err
    assert "\x1b" not in ran.err


def test_debug_shows_where(cli: CommandLine) -> None:
    cli.write("failing.py", FAILING)
    cli.write("fail.xml", "<plan><function.Failing.now/></plan>")
    ran = cli("run", "fail.xml", "--skill", "failing.py", "--debug")
    assert ran.code == 3
    assert "Traceback" in ran.err
    assert "failing.py" in ran.err


def test_a_model_that_fails_while_planning_is_4(cli: CommandLine) -> None:
    cli.answer_with(ScriptedService([ServiceUnavailableError("server", "it cannot be reached")]))
    ran = cli("run", "Send it", *SKILLS)
    assert (ran.code, ran.out) == (4, "")
    assert "server: it cannot be reached" in ran.err


def test_a_model_that_fails_in_a_step_is_4(cli: CommandLine) -> None:
    cli.answer_with(ScriptedService([ServiceAuthError("server", "the key is wrong")]))
    cli.write("joke.xml", '<plan><function.FunSkill.Joke input="cats"/></plan>')
    ran = cli("run", "joke.xml", "--skill", "FunSkill")
    assert ran.code == 4
    assert "the key is wrong" in ran.err


def test_a_used_up_budget_is_4(cli: CommandLine) -> None:
    cli.answer_with(ScriptedService(["Why did the cat laugh?"] * 2))
    joke = '<function.FunSkill.Joke input="cats"/>'
    cli.write("jokes.xml", f"<plan>{joke}{joke}</plan>")
    ran = cli("run", "jokes.xml", "--skill", "FunSkill", "--budget", "10")
    assert ran.code == 4
    assert "token budget" in ran.err


def test_a_run_that_takes_too_long_is_3(cli: CommandLine) -> None:
    cli.write("slow.py", SLOW)
    cli.write("slow.xml", "<plan><function.Slow.wait/></plan>")
    ran = cli("run", "slow.xml", "--skill", "slow.py", "--timeout", "0.01")
    assert ran.code == 3
    assert "took longer than 0.01 s" in ran.err


SLOW = """\
import asyncio
from planloom import kernel_function

class Slow:
    @kernel_function(effect="none")
    async def wait(self) -> None:
        "Waits for ever."
        await asyncio.Event().wait()
"""


def test_the_named_model_file_must_exist(cli: CommandLine) -> None:
    ran = cli("run", "Send it", *SKILLS, "--model", "no/such/model.gguf")
    assert ran.code in (2, 4)  # 2 where llama-cpp-python is not installed
    assert "model" in ran.err
    assert "Traceback" not in ran.err


def test_a_plan_without_prompts_needs_no_model_at_all(cli: CommandLine) -> None:
    assert cli.classic("--model", "no/such/model.gguf").code == 0


def test_the_key_is_never_shown(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    ran = cli("run", "Send it", *SKILLS, "--base-url", "http://127.0.0.1:9/v1", "--model", "m", "--json")
    assert ran.code == 4  # real requests are switched off in tests
    assert "sk-very-secret" not in ran.out + ran.err
    debugged = cli(
        "run", "Send it", *SKILLS, "--base-url", "http://127.0.0.1:9/v1", "--model", "m", "--debug"
    )
    assert "sk-very-secret" not in debugged.out + debugged.err


def test_a_plan_over_the_limits_is_refused(cli: CommandLine) -> None:
    cli.write("huge.xml", "<plan>" + "<function.Names.getNickName/>" * 60_000 + "</plan>")
    ran = cli("check", "huge.xml", *SKILLS, "--json")
    assert ran.code == 1
    assert {line["code"] for line in ran.lines} == {"limit-exceeded"}
    cli.write("monster.xml", " " * 16_000_001)
    assert cli("check", "monster.xml").code == 2


def test_a_goal_may_be_long_and_look_like_a_file(cli: CommandLine) -> None:
    cli.answer_with(lambda: ScriptedService(["<plan/>"]))
    for goal in ("x" * 5000 + " plan.xml", "Write to plan.xml", "a\0b"):
        assert "cannot be reached" in cli("run", goal, *SKILLS).err


def test_a_plan_that_is_not_text(cli: CommandLine) -> None:
    (cli.folder / "binary.xml").write_bytes(b"\xff\xfe\x00\x01")
    ran = cli("check", "binary.xml", *SKILLS)
    assert ran.code == 2
    assert "binary.xml cannot be read" in ran.err


def test_a_json_plan_that_is_none(cli: CommandLine) -> None:
    cli.write("bad.json", json.dumps({"planloom": 1, "steps": [{"function": 7}]}))
    ran = cli("check", "bad.json", *SKILLS)
    assert ran.code == 1
    assert "bad.json:" in ran.out


def test_where_a_plan_cannot_be_saved_it_is_not_lost(cli: CommandLine) -> None:
    cli.answer_with(ScriptedService([CLASSIC]))
    ran = cli("plan", "Send it", *SKILLS, "--input", "x", "--var", "subject=s", "-o", "no/folder/plan.xml")
    assert ran.code == 2
    assert "Emailer.sendEmail" in ran.err.partition("cannot be saved")[2]


def test_a_fault_of_planloom_itself_is_told_in_one_line(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("oh no")

    monkeypatch.setattr("planloom.cli.show_command.draw_text", broken)
    ran = cli("show", "plan.xml", *SKILLS)
    assert ran.code == Exit.INTERNAL
    assert ran.err.startswith("planloom: unexpected RuntimeError: oh no.")


def test_exit_codes_of_errors() -> None:
    assert exit_for(BudgetExceededError(2, 1)) == Exit.MODEL_FAILED
    assert exit_for(KeyboardInterrupt()) == Exit.INTERRUPTED
    assert exit_for(RuntimeError()) == Exit.INTERNAL
