"""Questions that outlive the process: approvals and asks, answered later, from elsewhere."""

from __future__ import annotations

import asyncio
import json
import runpy
import shutil
from pathlib import Path

import pytest

from command_line import SAMPLES, CommandLine
from planloom import Kernel, idempotency_key, kernel_function
from planloom.planners import (
    Allowed,
    CallRequest,
    Executor,
    NeedsApproval,
    Plan,
    RunChangedError,
    RunWaiting,
    SqliteJournal,
    StepError,
)
from planloom.planners.journal.errors import QuestionError, RunOverError, UnsavableValueError
from planloom.planners.running.policy import Decision


class Office:
    """Mail, and what was sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.greeting = "Dear"

    @kernel_function(effect="read")
    def greet(self, name: str) -> str:
        """Greet."""
        return f"{self.greeting} {name}"

    @kernel_function
    def send(self, text: str) -> str:
        """Send."""
        self.sent.append(text)
        return f"sent {text}"


class AskFirst:
    def decide(self, request: CallRequest) -> Decision:
        return NeedsApproval("it leaves the house") if request.function.effect == "write" else Allowed()


PLAN = """<plan>
  <ask setContextVariable="WHO" question="For whom?"/>
  <function.Office.greet name="Ada" setContextVariable="A"/>
  <function.Office.send text="$A" setContextVariable="B"/>
  <function.Office.send text="$B for $WHO" appendToResult="R"/>
</plan>"""


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    return SqliteJournal(tmp_path / "runs.db", synchronous="normal")


def executor(office: Office, journal: SqliteJournal) -> Executor:
    """As a new process would make it."""
    kernel = Kernel()
    kernel.add_skill(office)
    return Executor(kernel, journal=SqliteJournal(journal.path), policy=AskFirst())


def begin(office: Office, journal: SqliteJournal) -> RunWaiting:
    first = executor(office, journal)
    with pytest.raises(RunWaiting) as waiting:
        first.run_sync(Plan.parse(PLAN, first.kernel), run_id="one")
    return waiting.value


def test_a_run_does_what_it_can_and_ends_at_its_questions(office: Office, journal: SqliteJournal) -> None:
    waiting = begin(office, journal)
    assert [(asked.step, asked.about) for asked in waiting.questions] == [("1", "ask"), ("3", "approval")]
    assert waiting.run_id == "one"
    assert [record.step for record in waiting.done] == ["2"]
    assert 'Office.send(text="Dear Ada"): it leaves the house' in str(waiting)
    assert journal.run("one").status == "waiting"
    assert office.sent == []


def test_answers_given_later_continue_the_run(office: Office, journal: SqliteJournal) -> None:
    begin(office, journal)
    journal.answer("one", "Grace")
    journal.approve("one")
    with pytest.raises(RunWaiting) as waiting:
        executor(office, journal).resume_sync("one")
    assert [asked.step for asked in waiting.value.questions] == ["4"]
    assert office.sent == ["Dear Ada"]
    journal.approve("one", "4")
    result = executor(office, journal).resume_sync("one")
    assert result.text == "sent sent Dear Ada for Grace"
    assert office.sent == ["Dear Ada", "sent Dear Ada for Grace"]


def test_a_question_that_stays_open_is_asked_once(office: Office, journal: SqliteJournal) -> None:
    begin(office, journal)
    with pytest.raises(RunWaiting):
        executor(office, journal).resume_sync("one")
    assert [event.step for event in journal.events("one") if event.kind == "question"] == ["1", "3"]


def test_a_no_ends_the_run(office: Office, journal: SqliteJournal) -> None:
    begin(office, journal)
    journal.deny("one")
    with pytest.raises(StepError, match="not approved"):
        executor(office, journal).resume_sync("one")
    assert office.sent == []
    assert journal.run("one").status == "failed"


def test_a_yes_is_for_exactly_one_call(office: Office, journal: SqliteJournal) -> None:
    """The reading before the call is lost and made again, and gives another value."""
    waiting = begin(office, journal)
    journal.approve("one")
    kernel = Kernel()
    kernel.add_skill(office)
    office.greeting = "Hello"
    again = SqliteJournal(Path(journal.path).with_name("again.db"))
    with pytest.raises(RunWaiting) as other:
        Executor(kernel, journal=again, policy=AskFirst()).run_sync(Plan.parse(PLAN, kernel))
    assert waiting.questions[1].fingerprint != other.value.questions[1].fingerprint


def test_answers_must_fit_a_question(office: Office, journal: SqliteJournal) -> None:
    begin(office, journal)
    with pytest.raises(QuestionError, match="no such open question"):
        journal.approve("one", "1")
    with pytest.raises(QuestionError, match="no such open question"):
        journal.answer("one", "x", "3")
    with pytest.raises(UnsavableValueError):
        journal.answer("one", object())
    journal.approve("one")
    with pytest.raises(QuestionError):
        journal.approve("one")
    journal.cancel("one")
    with pytest.raises(RunOverError, match="cancelled"):
        journal.answer("one", "Grace")


def test_several_questions_need_the_step(office: Office, journal: SqliteJournal) -> None:
    first = executor(office, journal)
    plan = Plan.parse(
        '<plan><foreach item="X" in="$L"><function.Other.post text="$X"/></foreach></plan>', other()
    )
    with pytest.raises(RunWaiting):
        Executor(other(), journal=first.journal, policy=AskFirst()).run_sync(
            plan, {"L": ["a", "b"]}, run_id="one"
        )
    with pytest.raises(QuestionError, match="more than one"):
        journal.approve("one")
    journal.approve("one", "1[1]")
    assert [asked.step for asked in journal.history("one").open_questions] == ["1[0]"]


def other() -> Kernel:
    async def post(text: str) -> str:
        """Post."""
        return text

    kernel = Kernel()
    kernel.add_skill({"post": kernel_function(touches=())(post)}, "Other")
    return kernel


def test_a_run_begun_under_a_policy_is_not_resumed_without_one(
    office: Office, journal: SqliteJournal
) -> None:
    begin(office, journal)
    kernel = Kernel()
    kernel.add_skill(office)
    with pytest.raises(RunChangedError, match="policy AskFirst"):
        Executor(kernel, journal=journal).resume_sync("one")


def test_who_is_there_is_asked_at_once(office: Office, journal: SqliteJournal) -> None:
    asked: list[str] = []

    async def ask(question: str, variable: str) -> str:
        asked.append(variable)
        return "Grace"

    async def approve(request: CallRequest, reason: str) -> bool:
        asked.append(request.step)
        return True

    kernel = Kernel()
    kernel.add_skill(office)
    there = Executor(kernel, journal=journal, policy=AskFirst(), ask=ask, approve=approve)
    assert there.run_sync(Plan.parse(PLAN, kernel), run_id="one").text == "sent sent Dear Ada for Grace"
    assert asked == ["WHO", "3", "4"]
    kinds = [event.kind for event in journal.events("one")]
    assert kinds.count("question") == 3
    assert kinds.count("answer") == 2


def test_a_plan_inside_a_step_has_keys_of_its_own(tmp_path: Path) -> None:
    keys: list[str | None] = []

    async def pay(amount: int) -> int:
        """Pay."""
        keys.append(idempotency_key())
        return amount

    inner = Kernel()
    inner.add_skill({"pay": pay}, "Bank")
    payments = Plan.parse(
        '<plan><function.Bank.pay amount="1"/><function.Bank.pay amount="2"/></plan>', inner
    )

    async def both() -> str:
        """Pay twice."""
        return (await Executor(inner).run(payments)).text

    outer = Kernel()
    outer.add_skill({"both": both}, "Shop")
    plan = Plan.parse("<plan><function.Shop.both/></plan>", outer)
    asyncio.run(Executor(outer, journal=SqliteJournal(tmp_path / "runs.db")).run(plan))
    assert len({key for key in keys if key}) == 2


# -- the command line ------------------------------------------------------------------------------------

SKILLS = ("--skill", "office.py", "--policy", "office.py:AskFirst")
OFFICE = """
from planloom import kernel_function
from planloom.planners import Allowed, NeedsApproval

class Office:
    @kernel_function(effect="read")
    def greet(self, name: str) -> str:
        '''Greet.'''
        return f"Dear {name}"

    @kernel_function
    def send(self, text: str) -> str:
        '''Send.'''
        if "fails" in text:
            raise RuntimeError("the line is dead")
        return f"sent {text}"

class AskFirst:
    def decide(self, request):
        return NeedsApproval("it leaves") if request.function.effect == "write" else Allowed()
"""
ASKING = """<plan>
  <ask setContextVariable="WHO" question="For whom?"/>
  <function.Office.greet name="$WHO" setContextVariable="A"/>
  <function.Office.send text="$A" appendToResult="R"/>
</plan>"""


@pytest.fixture
def shop(cli: CommandLine) -> CommandLine:
    cli.write("office.py", OFFICE)
    cli.write("asking.xml", ASKING)
    return cli


def start(shop: CommandLine) -> None:
    begun = shop("run", "asking.xml", *SKILLS, "--journal", "runs.db", "--run-id", "one")
    assert (begun.code, begun.out) == (5, "")
    assert "step 1 asks for $WHO: For whom?" in begun.err


def test_a_run_from_the_command_line_is_answered_approved_and_shown(shop: CommandLine) -> None:
    start(shop)
    answered = shop("runs", "answer", "one", "Ada")
    assert answered.code == 0
    assert "planloom runs resume one" in answered.err
    waiting = shop("runs", "resume", "one", *SKILLS)
    assert waiting.code == 5
    assert 'Office.send(text="Dear Ada"): it leaves' in waiting.err
    shown = shop("runs", "show", "one").out
    assert "(planloom runs approve|deny one)" in shown
    done = shop("runs", "approve", "one", *SKILLS, "--quiet")
    assert (done.code, done.out) == (0, "sent Dear Ada\n")
    shown = shop("runs", "show", "one").out
    assert "asks     3    Office.send" in shown
    assert "answered 3    Office.send  yes" in shown
    assert "waits" not in shown
    listed = shop("runs", "list").out.splitlines()
    assert listed[1].split()[:2] == ["one", "done"]


def test_a_no_and_an_end_from_the_command_line(shop: CommandLine) -> None:
    start(shop)
    assert shop("runs", "answer", "one", '"Ada"', "--as-json", *SKILLS).code == 5
    assert shop("runs", "deny", "one", "3", *SKILLS).code == 3
    assert shop("runs", "cancel", "one").code == 0
    late = shop("runs", "resume", "one", *SKILLS)
    assert late.code == 2
    assert "cancelled" in late.err


def test_a_doubt_is_shown_and_decided(shop: CommandLine) -> None:
    shop.write("plan.xml", '<plan><function.Office.send text="it fails" appendToResult="R"/></plan>')
    failed = shop("run", "plan.xml", "--skill", "office.py", "--journal", "runs.db", "--run-id", "one")
    assert failed.code == 3
    doubtful = shop("runs", "resume", "one", "--skill", "office.py")
    assert doubtful.code == 5
    assert 'step 1: Office.send(text="it fails"); it ended with RuntimeError' in doubtful.err
    assert "runs decide one '1' done|not-done|skip" in shop("runs", "show", "one").out
    silent = shop("runs", "decide", "one", "1", "done")
    assert silent.code == 2
    assert "--value" in silent.err
    wrong = shop("runs", "decide", "one", "1", "done", "--value", "by hand")
    assert wrong.code == 2
    assert "is not JSON" in wrong.err
    done = shop("runs", "decide", "one", "1", "done", "--value", '"by hand"', "--skill", "office.py")
    assert (done.code, done.out) == (0, "by hand\n")


def test_a_run_is_exported_whole(shop: CommandLine) -> None:
    start(shop)
    exported = json.loads(shop("runs", "export", "one").out)
    assert exported["status"] == "waiting"
    assert [event["kind"] for event in exported["events"]] == ["began", "question", "ended"]
    assert shop("runs", "export", "one", "-o", "run.json").code == 0
    assert json.loads((shop.folder / "run.json").read_text()) == exported
    assert (shop.folder / "run.json").stat().st_mode & 0o077 == 0
    assert [row["id"] for row in shop("runs", "list", "--json").lines] == ["one"]


def test_large_values_are_exported_too(shop: CommandLine) -> None:
    shop.write(
        "big.py",
        """
from planloom import kernel_function

class Big:
    @kernel_function(effect="read")
    def value(self) -> str:
        return "x" * 300_000
""",
    )
    shop.write("plan.xml", "<plan><function.Big.value/></plan>")
    assert shop("run", "plan.xml", "--skill", "big.py", "--journal", "runs.db", "--run-id", "big").code == 0
    exported = json.loads(shop("runs", "export", "big").out)
    hashes = [event["data"]["blob"] for event in exported["events"] if "blob" in event["data"]]
    assert exported["large"] == dict.fromkeys(hashes, "x" * 300_000)
    assert hashes


def test_what_cannot_be_is_told(shop: CommandLine) -> None:
    missing = shop("runs", "list")
    assert missing.code == 2
    assert "runs.db: there is no such journal." in missing.err
    alone = shop("run", "asking.xml", *SKILLS, "--run-id", "one")
    assert alone.code == 2
    assert "--journal" in alone.err
    for policy, problem in (
        ("nowhere.py:X", "there is no file"),
        ("office.py:Office", "no method `decide`"),
        ("AskFirst", "FILE.py:NAME"),
    ):
        wrong = shop("run", "asking.xml", "--skill", "office.py", "--var", "WHO=Ada", "--policy", policy)
        assert wrong.code == 2
        assert f"--policy {policy}: " in wrong.err
        assert problem in wrong.err


def test_the_sample_is_finished_by_planloom_runs_approve(cli: CommandLine) -> None:
    shutil.copy(SAMPLES / "approve_tomorrow.py", cli.folder)
    said = runpy.run_path(str(cli.folder / "approve_tomorrow.py"))["main"]()
    assert "refund(order=1042, amount=49.9)" in said
    assert "resume it" in runpy.run_path(str(cli.folder / "approve_tomorrow.py"))["main"]()
    done = cli(
        "runs", "approve", "refund-1042", "--skill", "approve_tomorrow.py", "--policy", "AskBeforeWrites"
    )
    assert (done.code, done.out) == (0, "refunded 49.90 for order 1042 (64 characters of key)\n")
