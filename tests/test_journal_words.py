"""What is said to a run that nobody runs any more, or that hears of it late; what a journal refuses."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fake_clock import FakeClock
from planloom import Kernel, kernel_function
from planloom.planners import (
    AskBeforeWrites,
    DenyNames,
    Executor,
    InDoubtError,
    Plan,
    PlanError,
    RunWaiting,
    SqliteJournal,
    StepError,
)
from planloom.planners.journal.committer import Told
from planloom.planners.journal.errors import (
    JournalError,
    JournalFileError,
    LeaseLostError,
    QuestionError,
    RunOverError,
    UnsavableValueError,
)
from planloom.planners.journal.owner import Clock


class Office:
    """Writes that wait until they are told to go on, or fail."""

    def __init__(self) -> None:
        self.started, self.open = asyncio.Event(), asyncio.Event()
        self.sent: list[str] = []
        self.broken = False
        self.hold: Callable[[], None] = lambda: None

    @kernel_function(touches=())
    async def wait(self) -> str:
        """Write once the gate is open."""
        self.started.set()
        await self.open.wait()
        if self.broken:
            raise ConnectionError("the line is dead")
        return "waited"

    @kernel_function(touches=())
    async def send(self, text: str) -> str:
        """Write at once."""
        if self.broken:
            raise ConnectionError("the line is dead")
        self.sent.append(text)
        return f"sent {text}"

    @kernel_function(effect="read")
    async def fall(self) -> str:
        """Fail when the disk has been kept waiting."""
        if self.broken:
            self.hold()
            await self.open.wait()
            raise ConnectionError("the line is dead")
        return "stood"

    @kernel_function(effect="read")
    async def departure(self) -> datetime:
        """When the train leaves."""
        return datetime(2026, 1, 31, 12, tzinfo=ZoneInfo("Europe/Paris"))

    @kernel_function(effect="read")
    async def late(self, when: datetime) -> str:
        """Half a year after that."""
        return (when + timedelta(days=180)).isoformat()


def kernel_of(office: Office) -> Kernel:
    kernel = Kernel()
    kernel.add_skill(office)
    return kernel


def parse(kernel: Kernel, body: str) -> Plan:
    return Plan.parse(f"<plan>{body}</plan>", kernel)


async def frozen(office: Office, path: Path, clock: Clock) -> asyncio.Task[Any]:
    """A run in the middle of a write, whose process stands still."""
    executor = Executor(kernel_of(office), journal=SqliteJournal(path, clock=clock, lease=30))
    running = asyncio.create_task(
        executor.run(parse(executor.kernel, "<function.Office.wait/>"), run_id="one")
    )
    await office.started.wait()
    return running


# -- runs whose process is gone ----------------------------------------------------------------------------


def test_a_run_whose_process_is_gone_is_stopped_and_can_be_decided(tmp_path: Path) -> None:
    async def check() -> None:
        office, clock = Office(), FakeClock()
        running = await frozen(office, tmp_path / "runs.db", clock)
        journal = SqliteJournal(tmp_path / "runs.db", clock=clock, lease=30)
        assert journal.run("one").status == "running"
        with pytest.raises(QuestionError, match="it is running"):
            journal.decide("one", "1", "skip")
        clock.now += 31
        assert [row.status for row in journal.runs()] == ["stopped"]
        journal.decide("one", "1", "done", "by hand")
        office.open.set()
        with pytest.raises(LeaseLostError):
            await running
        assert (await Executor(kernel_of(office), journal=journal).resume("one")).text == "by hand"

    asyncio.run(check())


def test_a_run_whose_process_is_gone_does_nothing_more_once_it_is_cancelled(tmp_path: Path) -> None:
    async def check() -> None:
        office, clock = Office(), FakeClock()
        running = await frozen(office, tmp_path / "runs.db", clock)
        journal = SqliteJournal(tmp_path / "runs.db", clock=clock, lease=30)
        clock.now += 31
        journal.cancel("one")
        assert journal.run("one").status == "cancelled"
        with pytest.raises(RunOverError, match="cancelled"):
            await Executor(kernel_of(office), journal=journal).resume("one")
        office.open.set()
        with pytest.raises(LeaseLostError):
            await running
        assert journal.run("one").status == "cancelled"

    asyncio.run(check())


def test_a_run_that_fails_before_it_hears_that_it_was_cancelled_is_cancelled(tmp_path: Path) -> None:
    async def check() -> None:
        office, clock = Office(), FakeClock()
        office.broken = True
        running = await frozen(office, tmp_path / "runs.db", clock)
        journal = SqliteJournal(tmp_path / "runs.db", clock=clock, lease=30)
        await asyncio.to_thread(journal.cancel, "one")
        office.open.set()
        with pytest.raises(StepError):
            await running
        assert journal.run("one").status == "cancelled"

    asyncio.run(check())


# -- a write that was not begun after all --------------------------------------------------------------------


def test_a_write_is_not_begun_when_the_run_was_stopped_while_its_intent_was_written(tmp_path: Path) -> None:
    async def check() -> None:
        office = Office()
        office.broken = True
        journal = SqliteJournal(tmp_path / "runs.db")
        post, kept = journal.post, list[Callable[[], None]]()

        def slow(work: Callable[[sqlite3.Connection], Any], told: Told[Any]) -> None:
            kept.append(lambda: post(work, told))
            if office.open.is_set():
                while kept:
                    kept.pop(0)()
            office.open.set()

        def hold() -> None:
            journal.post = slow  # type: ignore[method-assign]

        office.hold = hold
        executor = Executor(kernel_of(office), journal=journal)
        plan = parse(executor.kernel, '<function.Office.send text="x"/><function.Office.fall/>')
        with pytest.raises(StepError, match="the line is dead"):
            await executor.run(plan, run_id="one")
        assert office.sent == []
        assert [event.kind for event in journal.events("one") if event.step == "1"] == ["intent", "decision"]
        assert journal.history("one").doubts == []
        office.broken = False
        await executor.resume("one")
        assert office.sent == ["x"]

    asyncio.run(check())


# -- decisions ---------------------------------------------------------------------------------------------


SEND = '<function.Office.send text="x" setContextVariable="A"/>'


def doubtful(office: Office, path: Path, body: str = SEND) -> Executor:
    """A run whose first write failed; the executor to go on with."""
    office.broken = True
    executor = Executor(kernel_of(office), journal=SqliteJournal(path))
    with pytest.raises(StepError):
        executor.run_sync(parse(executor.kernel, body), run_id="one")
    office.broken = False
    return executor


def test_a_decision_can_be_made_again_until_the_run_goes_on(tmp_path: Path) -> None:
    executor = doubtful(Office(), tmp_path / "runs.db")
    journal = SqliteJournal(tmp_path / "runs.db")
    journal.decide("one", "1", "done", ["no", "text"])
    with pytest.raises(InDoubtError, match=r"step 1.*not what the function returns"):
        executor.resume_sync("one")
    assert journal.run("one").status == "in-doubt"
    journal.decide("one", "1", "skip")
    journal.decide("one", "1", "done", "by hand")
    assert executor.resume_sync("one").text == "by hand"


@pytest.mark.parametrize("verdict", ["not done", "approve", "cancel", ""])
def test_what_is_no_verdict_is_refused(verdict: Any, tmp_path: Path) -> None:
    executor = doubtful(Office(), tmp_path / "runs.db")
    journal = SqliteJournal(tmp_path / "runs.db")
    with pytest.raises(QuestionError, match="done, not-done, skip"):
        journal.decide("one", "1", verdict)
    with pytest.raises(InDoubtError):
        executor.resume_sync("one")


def test_a_large_value_that_is_decided_is_kept_aside(tmp_path: Path) -> None:
    executor = doubtful(Office(), tmp_path / "runs.db")
    journal = SqliteJournal(tmp_path / "runs.db")
    journal.decide("one", "1", "done", "x" * 300_000)
    assert all(len(str(event.data)) < 1000 for event in journal.events("one"))
    assert executor.resume_sync("one").text == "x" * 300_000


def test_a_decision_that_the_run_has_gone_on_with_stands(tmp_path: Path) -> None:
    office = Office()
    executor = doubtful(office, tmp_path / "runs.db", f'{SEND}<function.Office.send text="$A"/>')
    office.broken = True
    journal = SqliteJournal(tmp_path / "runs.db")
    journal.decide("one", "1", "done", "by hand")
    with pytest.raises(StepError):
        executor.resume_sync("one")
    with pytest.raises(QuestionError, match="In doubt: 2"):
        journal.decide("one", "1", "not-done")


# -- questions ---------------------------------------------------------------------------------------------


def test_a_question_that_was_answered_at_once_is_not_listed_as_open(tmp_path: Path) -> None:
    async def answer(question: str, name: str) -> str:
        return "Ada"

    executor = Executor(
        kernel_of(Office()), ask=answer, policy=AskBeforeWrites(), journal=SqliteJournal(tmp_path / "runs.db")
    )
    plan = parse(
        executor.kernel,
        '<ask setContextVariable="NAME" question="Who?"/><function.Office.send text="$NAME"/>',
    )
    with pytest.raises(RunWaiting) as waiting:
        executor.run_sync(plan, run_id="one")
    assert [question.about for question in waiting.value.questions] == ["approval"]


def test_a_run_that_a_policy_refuses_to_resume_is_free_at_once(tmp_path: Path) -> None:
    office = Office()
    office.broken = True
    office.open.set()
    journal, kernel = SqliteJournal(tmp_path / "runs.db"), kernel_of(office)
    plan = parse(kernel, '<function.Office.fall setContextVariable="A"/><function.Office.send text="$A"/>')
    with pytest.raises(StepError):
        Executor(kernel, journal=journal, policy=DenyNames("Nobody.*")).run_sync(plan, run_id="one")
    office.broken = False
    with pytest.raises(PlanError, match=r"denies Office\.send"):
        Executor(kernel, journal=journal, policy=DenyNames("Office.send")).resume_sync("one")
    assert journal.run("one").status == "stopped"
    Executor(kernel, journal=journal, policy=DenyNames("Nobody.*")).resume_sync("one")
    assert office.sent == ["stood"]


# -- values and files --------------------------------------------------------------------------------------


def test_steps_are_given_what_the_journal_would_give_back(tmp_path: Path) -> None:
    """A zone's name is no part of JSON: a run that is killed and resumed must not give another result."""
    office = Office()
    executor = Executor(kernel_of(office), journal=SqliteJournal(tmp_path / "runs.db"))
    body = '<function.Office.departure setContextVariable="T"/><function.Office.late when="$T"/>'
    whole = executor.run_sync(parse(executor.kernel, body), run_id="whole").text
    office.broken = True
    later = body.replace("<function.Office.late", '<function.Office.fall after="T"/><function.Office.late')
    office.open.set()
    with pytest.raises(StepError):
        executor.run_sync(parse(executor.kernel, later), run_id="killed")
    office.broken = False
    assert whole in executor.resume_sync("killed").text


def test_one_word_that_cannot_be_kept_takes_no_other_with_it(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "runs.db")
    begun, go_on = threading.Event(), threading.Event()

    def first(connection: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait()

    def refuses(connection: sqlite3.Connection) -> None:
        raise UnsavableValueError("an answer", "cannot be kept")

    waiting = journal.submit(first)
    begun.wait()
    bad: Future[None] = journal.submit(refuses)
    good = journal.submit(lambda connection: "kept")
    go_on.set()
    waiting.result()
    with pytest.raises(UnsavableValueError):
        bad.result()
    assert good.result() == "kept"


@pytest.mark.parametrize("path", ["", ":memory:", "file:runs.db?mode=memory"])
def test_a_journal_that_would_be_gone_with_the_process_is_refused(path: str) -> None:
    with pytest.raises(JournalFileError, match="give a path"):
        SqliteJournal(path)


def test_what_json_or_the_file_cannot_hold_is_named(tmp_path: Path) -> None:
    executor = Executor(kernel_of(Office()), journal=SqliteJournal(tmp_path / "runs.db"))
    plan = parse(executor.kernel, "<function.Office.send/>")
    with pytest.raises(UnsavableValueError, match="INPUT"):
        executor.run_sync(plan, {"INPUT": 10**5000})
    with pytest.raises(JournalError, match="half a character"):
        executor.run_sync(plan, {"INPUT": "x"}, run_id="\ud800")
