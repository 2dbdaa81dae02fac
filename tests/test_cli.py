"""The commands, as a person types them."""

from __future__ import annotations

import json

import pytest

from command_line import CLASSIC, CLASSIC_INPUTS, CommandLine
from planloom.cli.application import make_parser
from planloom.cli.commands import COMMANDS
from planloom.services import ScriptedService

SENT = "sent to codeking@example.com: News: Hello, Code King.\n"


def test_runs_a_plan_without_a_model(cli: CommandLine) -> None:
    ran = cli.classic()
    assert (ran.code, ran.out) == (0, SENT)
    assert "start  1  Names.getNickName" in ran.err
    assert "done   4  Emailer.sendEmail" in ran.err


def test_quiet_says_nothing_but_the_result(cli: CommandLine) -> None:
    ran = cli.classic("--quiet")
    assert (ran.out, ran.err) == (SENT, "")


def test_runs_a_plan_from_standard_input(cli: CommandLine) -> None:
    ran = cli("run", "-", "--skill", "my_skills.py", *CLASSIC_INPUTS, stdin=CLASSIC)
    assert (ran.code, ran.out) == (0, SENT)


def test_an_input_comes_from_a_file_or_standard_input(cli: CommandLine) -> None:
    cli.write("message.txt", "Hello, USER_NAME.")
    options = ("--skill", "my_skills.py", "--var", "subject=News", "--input-file")
    assert cli("run", "plan.xml", *options, "message.txt").out == SENT
    assert cli("run", "plan.xml", *options, "-", stdin="Hello, USER_NAME.").out == SENT


def test_plans_a_goal_shows_the_plan_and_runs_it(cli: CommandLine) -> None:
    cli.answer_with(ScriptedService([CLASSIC]))
    ran = cli("run", "Send it to Steven", "--skill", "my_skills.py", *CLASSIC_INPUTS)
    assert (ran.code, ran.out) == (0, SENT)
    assert "the checked plan (1 model call," in ran.err
    assert "<function.Emailer.sendEmail" in ran.err


def test_the_planner_is_told_which_inputs_there_are(cli: CommandLine) -> None:
    service = ScriptedService([CLASSIC])
    cli.answer_with(service)
    cli("plan", "Send it", "--skill", "my_skills.py", *CLASSIC_INPUTS)
    assert "$INPUT, $subject" in service.requests[0].text


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_at_a_terminal_a_plan_that_writes_needs_a_yes(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    cli.answer_with(ScriptedService([CLASSIC]))
    monkeypatch.setattr("planloom.cli.questions.Questions._line", _next_line(answer))
    ran = cli("run", "Send it", "--skill", "my_skills.py", *CLASSIC_INPUTS, terminal=True)
    assert ran.code == code
    assert "Run this plan? [y/N]" in ran.err
    assert bool(ran.out) == (code == 0)


def test_yes_beforehand_is_not_asked_for(cli: CommandLine) -> None:
    cli.answer_with(ScriptedService([CLASSIC]))
    ran = cli("run", "Send it", "--skill", "my_skills.py", *CLASSIC_INPUTS, "--yes", terminal=True)
    assert (ran.code, ran.out) == (0, SENT)


def test_an_ask_is_put_to_the_person(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planloom.cli.questions.Questions._line", _next_line("Steven\r\n"))
    cli.write("ask.xml", ASKING)
    ran = cli("run", "ask.xml", "--skill", "my_skills.py:Names", terminal=True)
    assert (ran.code, ran.out) == (0, "Code King\n")
    assert "Who is it? " in ran.err


ASKING = """<plan>
  <ask setContextVariable="WHO" question="Who is it?"/>
  <function.Names.getNickName name="$WHO"/>
</plan>"""


def test_an_ask_can_be_answered_beforehand_and_must_be_when_nobody_is_there(cli: CommandLine) -> None:
    cli.write("ask.xml", ASKING)
    assert cli("run", "ask.xml", "--skill", "my_skills.py:Names", "--var", "WHO=Ada").out == "The Countess\n"
    refused = cli("run", "ask.xml", "--skill", "my_skills.py:Names")
    assert (refused.code, refused.out) == (1, "")
    assert "$WHO" in refused.err


def test_json_gives_events_and_the_result_last(cli: CommandLine) -> None:
    ran = cli.classic("--json")
    kinds = [line["event"] for line in ran.lines]
    assert kinds[:2] == ["plan-made", "plan-started"]
    assert kinds[-2:] == ["plan-finished", "result"]
    assert ran.lines[-1]["results"] == {"RESULT__SENT": SENT.strip()}
    assert ran.err == ""


SECRETIVE = """
from pydantic import SecretStr
from planloom import kernel_function

class Bank:
    "Moves money."

    @kernel_function
    def login(self, user: str, password: SecretStr) -> str:
        return f"{user}:{password.get_secret_value()}"
"""


@pytest.mark.parametrize("form", [(), ("--json",), ("--quiet",)])
def test_a_secret_input_is_printed_nowhere(cli: CommandLine, form: tuple[str, ...]) -> None:
    cli.write("bank.py", SECRETIVE)
    login = '<function.Bank.login user="$USER" password="$PASSWORD" {}/>'
    results = ("", 'appendToResult="RESULT__IN"', 'setContextVariable="IN"')
    cli.write("login.xml", f"<plan>{''.join(map(login.format, results))}</plan>")
    given = ("--var", "user=ada", "--var", "password=hunter2")
    ran = cli("run", "login.xml", "--skill", "bank.py", *given, *form)
    assert ran.code == 0
    assert "hunter2" not in ran.out + ran.err
    if form == ("--json",):
        variables = ran.lines[-1]["variables"]
        assert variables == {"user": "ada", "password": "**********", "IN": "**********"}


def test_json_ends_with_the_error(cli: CommandLine) -> None:
    ran = cli("run", "plan.xml", "--skill", "my_skills.py", "--json")
    assert ran.lines[-1]["event"] == "error"
    assert ran.lines[-1]["exit_code"] == ran.code == 1
    assert ran.lines[-1]["diagnostics"][0]["code"] == "unset-input"


def test_inputs_as_json_keep_their_type(cli: CommandLine) -> None:
    cli.write(
        "loop.xml",
        '<plan><foreach item="X" in="$PEOPLE"><function.Names.getNickName name="$X"'
        ' appendToResult="RESULT__NAMES"/></foreach></plan>',
    )
    ran = cli("run", "loop.xml", "--skill", "my_skills.py", "--var", 'PEOPLE:=["Ada", "Steven", "Bo"]')
    assert (ran.code, ran.out) == (0, "The Countess\nCode King\nBo\n")


def test_plan_prints_or_saves_and_what_it_saves_runs(cli: CommandLine) -> None:
    cli.answer_with(lambda: ScriptedService([CLASSIC]))
    options = ("--skill", "my_skills.py", *CLASSIC_INPUTS)
    printed = cli("plan", "Send it", *options)
    assert printed.code == 0
    for name in ("saved.xml", "saved.json"):
        assert cli("plan", "Send it", *options, "-o", name).out == ""
        assert cli("run", name, *options).out == SENT
    assert (cli.folder / "saved.xml").read_text() == printed.out
    assert json.loads((cli.folder / "saved.json").read_text())["planloom"] == 1


def test_check_passes_a_good_plan_and_lists_every_fault_of_a_bad_one(cli: CommandLine) -> None:
    cli.write("bad.xml", CLASSIC.replace("sendEmail", "sendMail").replace("to=", "into="))
    good = cli("check", "plan.xml", "--skill", "my_skills.py")
    assert (good.code, good.out) == (0, "")
    assert "plan.xml: ok, 4 steps, needs $INPUT, $subject" in good.err
    bad = cli("check", "plan.xml", "bad.xml", "--skill", "my_skills.py")
    assert bad.code == 1
    assert "error[unknown-argument]: StringFunctions.stringReplace has no parameter 'into'" in bad.out
    assert "error[unknown-function]: there is no function Emailer.sendMail" in bad.out
    assert "did you mean Emailer.sendEmail" in bad.out


def test_check_as_json(cli: CommandLine) -> None:
    cli.write("bad.xml", "<plan><function.Nobody.home/></plan>")
    ran = cli("check", "bad.xml", "--skill", "my_skills.py", "--json")
    assert [(line["file"], line["code"]) for line in ran.lines] == [("bad.xml", "unknown-function")]


POLICY = """
from planloom.planners import ArgumentSources, AskBeforeWrites, all_of

policy = all_of(ArgumentSources({"Emailer.sendEmail.emailAddress": ["user"]}), AskBeforeWrites())
"""


def test_check_tells_what_a_policy_is_sure_to_deny(cli: CommandLine) -> None:
    cli.write("strict.py", POLICY)
    options = ("--skill", "my_skills.py", "--policy", "strict.py:policy")
    denied = cli("check", "plan.xml", *options)
    assert denied.code == 1
    assert "error[policy-denied]: the policy denies Emailer.sendEmail" in denied.out
    assert "plan.xml: 1 error" in denied.err
    as_json = cli("check", "plan.xml", *options, "--json")
    assert [line["code"] for line in as_json.lines] == ["policy-denied"]


def test_check_tells_before_which_calls_a_policy_asks(cli: CommandLine) -> None:
    ran = cli("check", "plan.xml", "--skill", "my_skills.py", "--policy", "AskBeforeWrites")
    assert (ran.code, ran.out) == (0, "")
    assert "ok, 4 steps, needs $INPUT, $subject, asks before 4 Emailer.sendEmail" in ran.err


SLIPS = """
from planloom.planners import ArgumentSources, DenyNames, all_of

policy = all_of(
    ArgumentSources({"Emailr.sendEmail.emailAddress": ["user"], "Emailer.sendEmail.subject": ["user"]}),
    DenyNames("Names.drop", "Emailer.delete*", "*.delete*", "Names.*"),
)
"""


def test_check_tells_which_functions_a_policy_names_that_are_not_there(cli: CommandLine) -> None:
    cli.write("slips.py", SLIPS)
    ran = cli("check", "plan.xml", "--skill", "my_skills.py", "--policy", "slips.py:policy")
    assert [line for line in ran.err.splitlines() if line.startswith("note")] == [
        f"note: the policy names {name!r}, and no function is called so"
        for name in ("emailr.sendemail", "names.drop", "emailer.delete*")
    ]


def test_check_says_that_functions_are_unknown_only_if_all_are(cli: CommandLine) -> None:
    cli.write("ask.xml", '<plan><ask question="Who?" setContextVariable="A"/></plan>')
    assert "every function is unknown" in cli("check", "ask.xml").err
    assert cli("plans", "save", "ask", "ask.xml").code == 0
    cli.write("call.xml", "<plan><function.Plans.ask/></plan>")
    ran = cli("check", "call.xml", "--library", "plans")
    assert (ran.code, "unknown" in ran.err) == (0, False)


def test_show_draws_stages_and_needs(cli: CommandLine) -> None:
    shown = cli("show", "plan.xml", "--skill", "my_skills.py").out
    assert shown.splitlines()[:2] == ["inputs  $INPUT, $subject", "stage 1: 2 at once"]
    assert "after 2, 3; returns RESULT__SENT" in shown


def test_show_draws_conditions_and_loops(cli: CommandLine) -> None:
    cli.write("nested.xml", NESTED)
    text = cli("show", "nested.xml", "--skill", "my_skills.py").out
    assert "returns RESULT__N = $NICK" in text
    mermaid = cli("show", "nested.xml", "--skill", "my_skills.py", "--mermaid").out
    lines = mermaid.splitlines()
    assert lines[0] == "flowchart TD"
    assert sum("subgraph" in line for line in lines) == sum(line.strip() == "end" for line in lines) == 2
    assert '"' not in mermaid.replace('["', "").replace('"]', "").replace('("', "").replace('")', "")


NESTED = """<plan>
  <function.Names.getNickName name="Ada" setContextVariable="NICK"/>
  <if condition="$NICK == 'The &quot;Countess&quot;'">
    <foreach item="X" in="$LIST">
      <function.Emailer.sendEmail emailAddress="$X" message="$NICK"/>
    </foreach>
  </if>
  <result name="RESULT__N" value="$NICK"/>
</plan>"""


def test_functions_are_listed_with_what_they_take(cli: CommandLine) -> None:
    listed = cli("functions", "--skill", "my_skills.py:Emailer", "--skill", "FunSkill", "--skill", "Text").out
    assert "Emailer.sendEmail(emailAddress: str, message: str, subject: str = '(no subject)')" in listed
    assert "[native, write]" in listed
    assert "FunSkill.Joke" in listed
    assert "Text.trim" in listed


def test_functions_as_json_carry_schemas(cli: CommandLine) -> None:
    lines = cli("functions", "--skill", "my_skills.py:Names", "--json").lines
    assert lines[0]["parameters"]["properties"]["name"]["type"] == "string"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.NAME))
def test_every_command_explains_itself(cli: CommandLine, command: object) -> None:
    shown = cli(command.NAME, "--help")  # type: ignore[attr-defined]
    assert shown.code == 0
    assert "--debug" in shown.out


def test_help_lists_commands_and_exit_codes(cli: CommandLine) -> None:
    shown = cli("--help").out
    assert all(f"    {command.NAME}" in shown for command in COMMANDS)
    assert "a step failed" in shown
    assert cli("--version").out.startswith("planloom 0.")
    assert make_parser().prog == "planloom"


def _next_line(text: str) -> object:
    async def line(self: object) -> str:
        return text

    return line
