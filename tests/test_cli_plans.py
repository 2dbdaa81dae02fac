"""``planloom plans``: keeping plans in a folder, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import CLASSIC_INPUTS, CommandLine
from planloom.services import ScriptedService

SKILLS = ("--skill", "my_skills.py")
SENT = "sent to codeking@example.com: News: Hello, Code King.\n"
CALLER = '<plan><function.Plans.nick who="Ada"/></plan>'
NICK = '<plan><function.Names.getNickName name="$who"/></plan>'

STRICT = """
from planloom.planners import Allowed, Denied

class Strict:
    def decide(self, request):
        mail = request.function.full_name == "Emailer.sendEmail"
        return Denied("no mail today") if mail else Allowed()
"""


@pytest.fixture
def stored(cli: CommandLine) -> CommandLine:
    """A command line with the classic plan in its library."""
    saved = cli("plans", "save", "classic", "plan.xml", *SKILLS, "--goal", "Tell Steven the news by e-mail")
    assert (saved.code, saved.out) == (0, "")
    assert "version 1" in saved.err
    return cli


def edit(cli: CommandLine, name: str, old: str, new: str) -> None:
    path = cli.folder / "plans" / f"{name}.xml"
    path.write_text(path.read_text().replace(old, new))


def test_a_stored_plan_runs_as_its_file_would(stored: CommandLine) -> None:
    ran = stored("plans", "run", "classic", *SKILLS, *CLASSIC_INPUTS)
    assert (ran.code, ran.out) == (0, SENT)
    assert "done   4  Emailer.sendEmail" in ran.err


def test_the_library_can_be_elsewhere(cli: CommandLine) -> None:
    cli("plans", "save", "classic", "plan.xml", *SKILLS, "--library", "shelf")
    assert not (cli.folder / "plans").exists()
    assert cli("plans", "run", "classic", *SKILLS, *CLASSIC_INPUTS, "--library", "shelf").out == SENT


def test_list_is_one_line_a_plan(stored: CommandLine) -> None:
    stored.write("nick.xml", NICK)
    stored("plans", "save", "nick", "nick.xml", *SKILLS)
    assert stored("plans", "list").out.splitlines() == [
        "classic  1 version  $INPUT, $subject  Tell Steven the news by e-mail",
        "nick     1 version  $who",
    ]
    assert [line["name"] for line in stored("plans", "list", "--json").lines] == ["classic", "nick"]


def test_a_plan_that_cannot_be_read_does_not_hide_the_others(stored: CommandLine) -> None:
    stored.write("plans/broken.json", "{")
    ran = stored("plans", "list")
    assert (ran.code, len(ran.out.splitlines())) == (0, 1)
    assert "broken.json: this is no stored plan" in ran.err


def test_a_file_that_is_no_plan_is_left_alone(stored: CommandLine) -> None:
    stored.write("plans/my-notes.json", "{}")
    for words in (("list",), ("find", "tell the news")):
        ran = stored("plans", *words)
        assert (ran.code, len(ran.out.splitlines()), ran.err) == (0, 1, "")


def test_show_gives_the_plan_and_says_what_is_known_of_it(stored: CommandLine) -> None:
    ran = stored("plans", "show", "classic")
    assert stored("run", "-", *SKILLS, *CLASSIC_INPUTS, stdin=ran.out).out == SENT
    assert "goal    Tell Steven the news by e-mail" in ran.err
    assert "version 1" in ran.err
    (fields,) = stored("plans", "show", "classic", "--json").lines
    assert fields["inputs"] == ["INPUT", "subject"]
    assert fields["versions"][0]["plan"] == fields["plan"] == ran.out.removesuffix("\n")


def test_find_gives_the_best_first(stored: CommandLine) -> None:
    stored.write("nick.xml", NICK)
    stored("plans", "save", "nick", "nick.xml", *SKILLS, "--goal", "Find a nickname")
    found = stored("plans", "find", "tell the news", "--json")
    assert found.lines[0]["name"] == "classic"
    assert len(stored("plans", "find", "nickname news", "--limit", "1").out.splitlines()) == 1
    nothing = stored("plans", "find", "xyzzy")
    assert (nothing.code, nothing.out, nothing.err) == (1, "", "no plans\n")


def test_an_edit_is_seen_compared_and_saved_with_its_history(stored: CommandLine) -> None:
    assert stored("plans", "diff", "classic").out == ""
    edit(stored, "classic", "Steven", "Ada")
    assert "1 version, edited" in stored("plans", "list").out
    changed = stored("plans", "diff", "classic").out
    assert '-  <function.Names.getNickName input="Steven"' in changed
    assert '+  <function.Names.getNickName input="Ada"' in changed
    assert "edited by hand, not saved" in stored("plans", "show", "classic").err
    assert "version 2" in stored("plans", "save", "classic", *SKILLS, "--note", "for Ada").err
    assert "version 2  " in (told := stored("plans", "show", "classic").err)
    assert "for Ada" in told
    assert stored("plans", "diff", "classic").out == ""
    assert "Ada" in stored("plans", "diff", "classic", "1", "2").out


def test_a_plan_whose_functions_changed_is_refused_until_it_is_saved_again(stored: CommandLine) -> None:
    skills = (stored.folder / "my_skills.py").read_text()
    stored.write("other_skills.py", skills.replace("Look up the preferred name", "Find the preferred name"))
    now = ("--skill", "other_skills.py")
    refused = stored("plans", "run", "classic", *now, *CLASSIC_INPUTS)
    assert (refused.code, refused.out) == (1, "")
    assert "Names.getNickName: description was" in refused.err
    assert "planloom plans save classic" in refused.err
    assert stored("plans", "save", "classic", *now).code == 0
    assert stored("plans", "run", "classic", *now, *CLASSIC_INPUTS).out == SENT


def test_a_wrong_plan_is_not_stored(cli: CommandLine) -> None:
    cli.write("bad.xml", "<plan><function.Nobody.home/></plan>")
    refused = cli("plans", "save", "bad", "bad.xml", *SKILLS)
    assert refused.code == 1
    assert "bad.xml:1:7: error[unknown-function]" in refused.err
    assert cli("plans", "list").out == ""


def test_remove_forgets_a_plan(stored: CommandLine) -> None:
    assert stored("plans", "remove", "classic").code == 0
    assert stored("plans", "list").err == "no plans\n"


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 1)])
def test_at_a_terminal_removing_needs_a_yes(
    stored: CommandLine, monkeypatch: pytest.MonkeyPatch, answer: str, left: int
) -> None:
    async def line(self: object) -> str:
        return answer

    monkeypatch.setattr("planloom.cli.questions.Questions._line", line)
    ran = stored("plans", "remove", "classic", terminal=True)
    assert "Delete classic" in ran.err
    assert (ran.code, len(stored("plans", "list").out.splitlines())) == (left, left)


class TestCallingEachOther:
    @pytest.fixture
    def calling(self, cli: CommandLine) -> CommandLine:
        cli.write("nick.xml", NICK)
        cli.write("caller.xml", CALLER)
        cli("plans", "save", "nick", "nick.xml", *SKILLS, "--goal", "The nickname of somebody")
        return cli

    def test_a_stored_plan_calls_another(self, calling: CommandLine) -> None:
        assert calling("plans", "save", "caller", "caller.xml", *SKILLS).code == 0
        assert calling("plans", "run", "caller", *SKILLS, "--quiet").out == "The Countess\n"

    def test_so_does_any_plan_or_goal_that_is_given_the_library(self, calling: CommandLine) -> None:
        library = (*SKILLS, "--library", "plans")
        assert calling("run", "caller.xml", *library).out == "The Countess\n"
        calling.answer_with(ScriptedService([CALLER]))
        assert calling("run", "Find Ada's nickname", *library).out == "The Countess\n"
        assert "Plans.nick(who: str)" in calling("functions", *library).out
        assert calling("check", "caller.xml", *library).code == 0

    def test_which_cannot_be_called_is_told_when_that_matters(self, calling: CommandLine) -> None:
        calling("plans", "save", "caller", "caller.xml", *SKILLS)
        ran = calling("plans", "run", "caller", "--skill", "my_skills.py:Emailer")
        assert ran.code == 1
        assert "note: Plans.nick cannot be called: The functions of the plan nick have changed" in ran.err
        assert "Plans.nick is gone" in ran.err
        checked = calling("check", "caller.xml", "--skill", "my_skills.py:Emailer", "--library", "plans")
        assert "note: Plans.nick cannot be called" in checked.err

    def test_the_policy_holds_inside_too(self, cli: CommandLine) -> None:
        cli.write("send.xml", '<plan><function.Emailer.sendEmail emailAddress="a@b" message="$m"/></plan>')
        cli.write("caller.xml", '<plan><function.Plans.send m="hi"/></plan>')
        cli.write("strict.py", STRICT)
        cli("plans", "save", "send", "send.xml", *SKILLS)
        for words in (("run", "caller.xml", "--library", "plans"), ("plans", "run", "caller")):
            cli("plans", "save", "caller", "caller.xml", *SKILLS)
            ran = cli(*words, *SKILLS, "--policy", "strict.py:Strict")
            assert (ran.code, ran.out) == (3, "")
            assert "no mail today" in ran.err

    def test_a_prompt_inside_a_stored_plan_has_a_model(self, cli: CommandLine) -> None:
        cli.answer_with(ScriptedService(["A joke."]))
        cli.write("joke.xml", '<plan><function.FunSkill.Joke input="$INPUT"/></plan>')
        cli.write("caller.xml", "<plan><function.Plans.joke/></plan>")
        fun = ("--skill", "FunSkill")
        cli("plans", "save", "joke", "joke.xml", *fun)
        cli("plans", "save", "twice", "caller.xml", *fun)
        assert cli("plans", "run", "twice", *fun, "--input", "cats").out == "A joke.\n"


class TestBadInput:
    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (("list",), 2, "there is no folder plans"),
            (("show", "x", "--library", "plan.xml"), 2, "there is no folder plan.xml"),
            (("save", "x"), 2, "there is no folder plans"),
            (("save", "x", "gone.xml"), 2, "there is no file gone.xml"),
            (("save", "a b", "plan.xml", *SKILLS), 2, "'a b'"),
            (("save", "x", "plan.xml", *SKILLS, "--library", "plan.xml"), 2, "cannot be made"),
            (("diff", "x", "first"), 2, "not a whole number from 1"),
            ((), 2, "required: ACTION"),
        ],
    )
    def test_without_a_library(self, cli: CommandLine, words: tuple[str, ...], code: int, said: str) -> None:
        ran = cli("plans", *words)
        assert (ran.code, ran.out) == (code, "")
        assert said in ran.err

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (("show", "clasic"), 2, "Did you mean classic?"),
            (("run", "clasic", *SKILLS), 2, "Did you mean classic?"),
            (("remove", "../plan"), 2, "no plan called '../plan'"),
            (("diff", "classic", "7"), 2, "version 7"),
            (("run", "classic", *SKILLS), 1, "give it with --var NAME=VALUE"),
        ],
    )
    def test_with_one(self, stored: CommandLine, words: tuple[str, ...], code: int, said: str) -> None:
        ran = stored("plans", *words)
        assert (ran.code, ran.out) == (code, "")
        assert said in ran.err

    def test_a_failed_run_as_json_ends_with_the_error(self, stored: CommandLine) -> None:
        ran = stored("plans", "run", "classic", "--skill", "my_skills.py:Names", "--json")
        assert ran.lines[-1]["error"] == "StoredPlanChanged"
        assert ran.lines[-1]["exit_code"] == ran.code == 1

    def test_debug_shows_where(self, stored: CommandLine) -> None:
        assert "Traceback" in stored("plans", "show", "clasic", "--debug").err
        assert "Traceback" not in stored("plans", "show", "clasic").err


def test_a_file_of_the_library_can_be_edited_to_something_wrong_and_is_then_refused(
    stored: CommandLine, tmp_path: Path
) -> None:
    edit(stored, "classic", "getNickName", "getName")
    for action in ("run", "save"):
        refused = stored("plans", action, "classic", *SKILLS)
        assert refused.code == 1
        assert "unknown-function" in refused.err
    record = json.loads((tmp_path / "plans" / "classic.json").read_text())
    assert len(record["versions"]) == 1
