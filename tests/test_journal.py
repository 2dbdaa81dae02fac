"""A run under a journal: what is written when, what a resumed run does again, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from planloom import Kernel, idempotency_key, kernel_function
from planloom.planners import Event as RunEvent
from planloom.planners import Executor, Plan, StepError, StepFinished, StepRestored
from planloom.planners.journal.errors import (
    InDoubtError,
    JournalDamagedError,
    JournalFileError,
    JournalFormatError,
    QuestionError,
    RunChangedError,
    RunExistsError,
    RunNotFoundError,
    RunOverError,
    RunOwnedError,
    UnsavableValueError,
)
from planloom.planners.journal.history import Verdict
from planloom.planners.journal.sqlite import SqliteJournal

Steps = Callable[..., Any]


class Order(BaseModel):
    id: int
    lines: list[str]


@dataclass
class Point:
    x: int
    when: datetime


class Killed(BaseException):
    """Ends a run as a kill does: nothing more is written. Raised by the fake of the process below."""


class World:
    """Functions that note their calls; ``stop_at`` names the call at which the process dies."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.keys: dict[str, set[str | None]] = {}
        self.dying: str | None = None
        self.large = 0

    def note(self, name: str, value: object = "") -> None:
        tag = f"{name}:{value}" if value != "" else name
        self.calls.append(tag)
        self.keys.setdefault(tag, set()).add(idempotency_key())
        if self.dying == tag:
            raise RuntimeError("the power goes off")

    @kernel_function(effect="none")
    async def think(self, about: str) -> str:
        """Change nothing."""
        self.note("think", about)
        return f"thought {about}"

    @kernel_function(effect="read")
    def look(self, at: str) -> str:
        """Look."""
        self.note("look", at)
        return f"saw {at}"

    @kernel_function(touches=())
    async def send(self, what: str) -> str:
        """Send once."""
        self.note("send", what)
        return f"sent {what}"

    @kernel_function(idempotent=True, touches=())
    def put(self, what: str) -> str:
        """Put, as often as you like."""
        self.note("put", what)
        return f"put {what}"

    @kernel_function(effect="read")
    def order(self, number: int) -> Order:
        """An order."""
        self.note("order", number)
        return Order(id=number, lines=["a", "b"])

    @kernel_function(effect="read")
    def point(self) -> Point:
        """A point in time."""
        self.note("point")
        return Point(1, datetime(2026, 1, 31, tzinfo=UTC))

    @kernel_function(effect="read")
    def big(self) -> str:
        """A large value."""
        self.note("big")
        return "x" * self.large

    @kernel_function(effect="read")
    def untyped(self) -> Any:
        """What no JSON gives back."""
        return datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def kernel(world: World) -> Kernel:
    kernel = Kernel()
    kernel.add_skill(world, "W")
    return kernel


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    return SqliteJournal(tmp_path / "runs.db", synchronous="normal")


def parse(kernel: Kernel, body: str) -> Plan:
    return Plan.parse(f"<plan>{body}</plan>", kernel)


def kinds(journal: SqliteJournal, run_id: str) -> list[str]:
    return [f"{event.kind} {event.step}".strip() for event in journal.events(run_id)]


DIAMOND = """
<function.W.look at="start" setContextVariable="A"/>
<function.W.send what="$A" setContextVariable="B"/>
<function.W.put what="$A" setContextVariable="C"/>
<function.W.send what="$B and $C" appendToResult="R"/>
"""
SENT = "sent sent saw start and put saw start"


def test_a_run_is_written_down_and_gives_what_it_gives_without_a_journal(
    kernel: Kernel, journal: SqliteJournal
) -> None:
    plan = parse(kernel, DIAMOND)
    result = Executor(kernel, journal=journal).run_sync(plan, run_id="one")
    assert result.text == SENT == Executor(kernel).run_sync(plan).text
    assert result.run_id == "one"
    written = kinds(journal, "one")
    assert written[0] == "began"
    assert written[-1] == "ended"
    assert written.index("intent 4") > max(written.index("done 2"), written.index("done 3"))
    assert [row.status for row in journal.runs()] == ["done"]


def test_a_run_without_an_id_gets_one(kernel: Kernel, journal: SqliteJournal) -> None:
    result = Executor(kernel, journal=journal).run_sync(parse(kernel, DIAMOND))
    assert journal.run(result.run_id).status == "done"


def test_steps_that_end_together_are_written_together(kernel: Kernel, journal: SqliteJournal) -> None:
    plan = parse(kernel, "".join(f'<function.W.send what="{number}"/>' for number in range(100)))
    Executor(kernel, journal=journal).run_sync(plan)
    assert journal.commits <= 6


def test_a_chain_of_writes_costs_a_commit_a_step(kernel: Kernel, journal: SqliteJournal) -> None:
    plan = parse(kernel, "".join('<function.W.send setContextVariable="A"/>' for _ in range(50)))
    Executor(kernel, journal=journal).run_sync(plan, {"INPUT": "x"})
    assert journal.commits <= 54


def failing_then(kernel: Kernel, journal: SqliteJournal, world: World, plan: Plan, dying: str) -> Executor:
    """Run until a step fails; the executor to go on with."""
    world.dying = dying
    executor = Executor(kernel, journal=journal)
    with pytest.raises(StepError):
        executor.run_sync(plan, run_id="one")
    world.dying = None
    return executor


def test_finished_steps_are_not_run_again(kernel: Kernel, journal: SqliteJournal, world: World) -> None:
    executor = failing_then(kernel, journal, world, parse(kernel, DIAMOND), "put:saw start")
    result = executor.resume_sync("one")
    assert result.text == SENT
    assert sorted(world.calls) == sorted(
        ["look:start", "send:saw start", "put:saw start", "put:saw start", f"send:{SENT[5:]}"]
    )
    assert {record.step for record in result.steps} == {"1", "2", "3", "4"}


def test_listeners_are_told_what_was_finished_before(
    kernel: Kernel, journal: SqliteJournal, world: World
) -> None:
    failing_then(kernel, journal, world, parse(kernel, DIAMOND), "put:saw start")
    events: list[RunEvent] = []
    Executor(kernel, journal=journal, listeners=[events.append]).resume_sync("one")
    restored = [(event.step, event.value) for event in events if isinstance(event, StepRestored)]
    assert restored == [("1", "saw start"), ("2", "sent saw start")]
    finished = [event.step for event in events if isinstance(event, StepFinished)]
    assert finished == ["3", "4"]
    assert [event.kind for event in events][:2] == ["plan-started", "step-restored"]


def test_an_idempotent_write_gets_the_same_key_at_every_try(
    kernel: Kernel, journal: SqliteJournal, world: World
) -> None:
    executor = failing_then(kernel, journal, world, parse(kernel, DIAMOND), "put:saw start")
    executor.resume_sync("one")
    (key,) = world.keys["put:saw start"]
    assert key is not None
    assert len(key) == 64
    assert key not in world.keys["send:saw start"]
    assert idempotency_key() is None


def test_keys_differ_between_runs_and_are_the_same_in_threads(
    kernel: Kernel, journal: SqliteJournal, world: World
) -> None:
    executor = Executor(kernel, journal=journal)
    plan = parse(kernel, '<function.W.put what="x"/>')
    for run_id in ("one", "two"):
        executor.run_sync(plan, run_id=run_id)
    assert len(world.keys["put:x"]) == 2


def test_a_write_that_may_have_happened_is_in_doubt(
    kernel: Kernel, journal: SqliteJournal, world: World
) -> None:
    executor = failing_then(kernel, journal, world, parse(kernel, DIAMOND), "send:saw start")
    with pytest.raises(InDoubtError) as caught:
        executor.resume_sync("one")
    (doubt,) = caught.value.doubts
    assert (doubt.step, doubt.name, doubt.arguments) == ("2", "W.send", {"what": "saw start"})
    assert "the power goes off" in str(caught.value)
    assert journal.run("one").status == "in-doubt"
    assert world.calls.count("send:saw start") == 1


@pytest.mark.parametrize(
    ("verdict", "value", "text", "times"),
    [
        ("done", "told by hand", "sent told by hand and put saw start", 1),
        ("not-done", None, SENT, 2),
        ("skip", None, "sent  and put saw start", 1),
    ],
)
def test_only_a_persons_word_decides_a_doubt(
    kernel: Kernel,
    journal: SqliteJournal,
    world: World,
    verdict: Verdict,
    value: object,
    text: str,
    times: int,
) -> None:
    executor = failing_then(kernel, journal, world, parse(kernel, DIAMOND), "send:saw start")
    journal.decide("one", "2", verdict, value)
    assert executor.resume_sync("one").text == text
    assert world.calls.count("send:saw start") == times


def test_a_write_tried_again_and_lost_again_is_in_doubt_again(
    kernel: Kernel, journal: SqliteJournal, world: World
) -> None:
    executor = failing_then(kernel, journal, world, parse(kernel, DIAMOND), "send:saw start")
    journal.decide("one", "2", "not-done")
    world.dying = "send:saw start"
    with pytest.raises(StepError):
        executor.resume_sync("one")
    with pytest.raises(InDoubtError):
        executor.resume_sync("one")


def test_a_decision_about_a_step_that_is_not_in_doubt_is_refused(
    kernel: Kernel, journal: SqliteJournal, world: World
) -> None:
    failing_then(kernel, journal, world, parse(kernel, DIAMOND), "send:saw start")
    with pytest.raises(QuestionError, match="In doubt: 2"):
        journal.decide("one", "3", "skip")


def test_values_come_back_as_what_they_were(kernel: Kernel, journal: SqliteJournal, world: World) -> None:
    plan = parse(
        kernel,
        """
        <function.W.order number="7" setContextVariable="O"/>
        <function.W.point setContextVariable="P"/>
        <function.W.put what="$O.lines[1]"/>
        """,
    )
    executor = failing_then(kernel, journal, world, plan, "put:b")
    variables = executor.resume_sync("one").variables
    assert variables["O"] == Order(id=7, lines=["a", "b"])
    assert variables["P"] == Point(1, datetime(2026, 1, 31, tzinfo=UTC))
    assert world.calls.count("order:7") == 1


def test_loops_go_on_at_the_element_where_they_stopped(
    kernel: Kernel, journal: SqliteJournal, world: World
) -> None:
    plan = parse(kernel, '<foreach item="X" in="$L"><function.W.put what="$X" appendToResult="R"/></foreach>')
    world.dying = "put:c"
    executor = Executor(kernel, journal=journal, max_concurrency=1)
    with pytest.raises(StepError):
        executor.run_sync(plan, {"L": ["a", "b", "c", "d"]}, run_id="one")
    world.dying = None
    assert executor.resume_sync("one").results == {"R": ["put a", "put b", "put c", "put d"]}
    assert world.calls == ["put:a", "put:b", "put:c", "put:c", "put:d"]


def test_a_finished_run_resumed_gives_its_result_and_calls_nothing(
    kernel: Kernel, journal: SqliteJournal, world: World
) -> None:
    executor = Executor(kernel, journal=journal)
    first = executor.run_sync(parse(kernel, DIAMOND), run_id="one")
    calls = list(world.calls)
    again = executor.resume_sync("one")
    assert (again.text, again.variables, world.calls) == (first.text, first.variables, calls)


def test_large_values_are_kept_once(kernel: Kernel, journal: SqliteJournal, world: World) -> None:
    world.large = 300_000
    plan = parse(
        kernel,
        '<function.W.big setContextVariable="B"/><function.W.send what="$B"/><function.W.send what="$B"/>',
    )
    Executor(kernel, journal=journal).run_sync(plan, run_id="one")
    with sqlite3.connect(journal.path) as connection:
        texts = [json.loads(text) for (text,) in connection.execute("SELECT data FROM blobs")]
    connection.close()
    assert texts == ["x" * 300_000, "sent " + "x" * 300_000]
    assert Executor(kernel, journal=journal).resume_sync("one").variables["B"] == "x" * 300_000
    assert all(len(json.dumps(event.data)) < 1000 for event in journal.events("one"))


def test_a_value_that_json_would_change_is_refused_by_name(kernel: Kernel, journal: SqliteJournal) -> None:
    with pytest.raises(StepError, match=r"W\.untyped gave a value that the journal cannot keep"):
        Executor(kernel, journal=journal).run_sync(parse(kernel, "<function.W.untyped/>"))


class Handle:
    """What no journal can keep."""


def give_handle() -> Handle:
    """A handle."""
    return Handle()


def give_numbers() -> Iterator[int]:
    """Numbers, once."""
    yield 1


@pytest.mark.parametrize(("function", "named"), [(give_handle, "Handle"), (give_numbers, "Iterator")])
def test_what_cannot_be_kept_is_refused_before_the_run(
    kernel: Kernel, journal: SqliteJournal, world: World, function: Steps, named: str
) -> None:
    kernel.add_skill({"give": function}, "G")
    plan = parse(kernel, '<function.W.send what="x"/><function.G.give/>')
    with pytest.raises(UnsavableValueError, match=rf"G\.give .*{named}.* Nothing was run"):
        Executor(kernel, journal=journal).run_sync(plan)
    assert world.calls == []
    assert not Path(journal.path).exists()


def test_an_input_that_cannot_be_kept_is_refused(kernel: Kernel, journal: SqliteJournal) -> None:
    with pytest.raises(UnsavableValueError, match="the input what"):
        Executor(kernel, journal=journal).run_sync(parse(kernel, "<function.W.send/>"), {"what": object()})


def test_an_id_is_used_once(kernel: Kernel, journal: SqliteJournal) -> None:
    executor = Executor(kernel, journal=journal)
    executor.run_sync(parse(kernel, '<function.W.send what="x"/>'), run_id="one")
    with pytest.raises(RunExistsError, match="one"):
        executor.run_sync(parse(kernel, '<function.W.send what="x"/>'), run_id="one")


def test_an_id_without_a_journal_is_a_mistake(kernel: Kernel) -> None:
    with pytest.raises(ValueError, match="journal"):
        Executor(kernel).run_sync(parse(kernel, '<function.W.send what="x"/>'), run_id="one")


def test_another_plan_is_refused_with_the_lines_that_differ(
    kernel: Kernel, journal: SqliteJournal, world: World
) -> None:
    executor = failing_then(kernel, journal, world, parse(kernel, DIAMOND), "put:saw start")
    other = parse(kernel, DIAMOND.replace("W.put", "W.send"))
    with pytest.raises(RunChangedError) as caught:
        executor.resume_sync("one", plan=other)
    assert "-  <function.W.put" in str(caught.value)
    assert executor.resume_sync("one", plan=parse(kernel, DIAMOND)).text == SENT


def test_a_changed_function_is_refused_with_both_signatures(
    kernel: Kernel, journal: SqliteJournal, world: World
) -> None:
    failing_then(kernel, journal, world, parse(kernel, DIAMOND), "put:saw start")

    class Changed(World):
        @kernel_function(touches=())
        async def send(self, what: str, loudly: bool = False) -> str:
            """Send."""
            return what

    changed = Kernel()
    changed.add_skill(Changed(), "W")
    with pytest.raises(RunChangedError) as caught:
        Executor(changed, journal=journal).resume_sync("one")
    assert caught.value.changes == (
        "the function was W.send(what: str) -> str, write; "
        "it is now W.send(what: str, loudly: bool = False) -> str, write",
    )
    with pytest.raises(RunChangedError, match=r"W\.send is gone"):
        Executor(Kernel(), journal=journal).resume_sync("one")


def test_a_run_that_is_not_there(kernel: Kernel, journal: SqliteJournal) -> None:
    with pytest.raises(JournalFileError, match="no such journal"):
        journal.approve("one")
    Executor(kernel, journal=journal).run_sync(parse(kernel, '<function.W.send what="x"/>'))
    for attempt in (
        lambda: journal.approve("one"),
        lambda: journal.run("one"),
        lambda: Executor(kernel, journal=journal).resume_sync("one"),
    ):
        with pytest.raises(RunNotFoundError, match="one"):
            attempt()


def test_tokens_used_before_count_after(kernel: Kernel, journal: SqliteJournal) -> None:
    # no model is called here: the number is what an earlier process wrote
    Executor(kernel, journal=journal).run_sync(parse(kernel, '<function.W.send what="x"/>'), run_id="one")
    history = journal.history("one")
    assert history.tokens == (0, 0, 0)


# -- one owner at a time ---------------------------------------------------------------------------------


def waiting_kernel(started: asyncio.Event, go_on: asyncio.Event) -> Kernel:
    async def wait() -> str:
        """Wait."""
        started.set()
        await go_on.wait()
        return "waited"

    kernel = Kernel()
    kernel.add_skill({"wait": kernel_function(effect="read")(wait)}, "S")
    return kernel


def test_a_run_has_one_owner_and_a_second_waits_or_is_refused(tmp_path: Path) -> None:
    async def check() -> None:
        started, go_on = asyncio.Event(), asyncio.Event()
        kernel = waiting_kernel(started, go_on)
        plan = parse(kernel, "<function.S.wait/>")
        first, second = (Executor(kernel, journal=SqliteJournal(tmp_path / "runs.db")) for _ in range(2))
        running = asyncio.create_task(first.run(plan, run_id="one"))
        await started.wait()
        with pytest.raises(RunOwnedError, match="process"):
            await second.resume("one")
        waiting = asyncio.create_task(second.resume("one", wait=60))
        go_on.set()
        assert (await running).text == (await waiting).text == "waited"

    asyncio.run(check())


def test_a_cancelled_run_stops_and_stays_cancelled(tmp_path: Path) -> None:
    async def check() -> None:
        started, go_on = asyncio.Event(), asyncio.Event()
        kernel = waiting_kernel(started, go_on)
        journal = SqliteJournal(tmp_path / "runs.db", lease=0.03)
        executor = Executor(kernel, journal=journal)
        running = asyncio.create_task(executor.run(parse(kernel, "<function.S.wait/>"), run_id="one"))
        await started.wait()
        await asyncio.to_thread(SqliteJournal(journal.path).cancel, "one")
        with pytest.raises(Exception, match="cancelled"):
            await running
        assert journal.run("one").status == "cancelled"
        with pytest.raises(RunOverError):
            await executor.resume("one")
        with pytest.raises(RunOverError):
            journal.cancel("one")

    asyncio.run(check())


def test_an_interrupted_run_can_be_resumed(tmp_path: Path) -> None:
    async def check() -> None:
        started, go_on = asyncio.Event(), asyncio.Event()
        kernel = waiting_kernel(started, go_on)
        executor = Executor(kernel, journal=SqliteJournal(tmp_path / "runs.db"))
        running = asyncio.create_task(executor.run(parse(kernel, "<function.S.wait/>"), run_id="one"))
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        go_on.set()
        assert (await executor.resume("one")).text == "waited"

    asyncio.run(check())


# -- the file --------------------------------------------------------------------------------------------


def test_the_file_is_its_owners_only(kernel: Kernel, journal: SqliteJournal) -> None:
    Executor(kernel, journal=journal).run_sync(parse(kernel, '<function.W.send what="x"/>'))
    assert Path(journal.path).stat().st_mode & 0o077 == 0


def test_a_file_of_something_else_is_refused(kernel: Kernel, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    (tmp_path / "text.db").write_text("no database at all, and long enough to look like one " * 10)
    plan = parse(kernel, '<function.W.send what="x"/>')
    with pytest.raises(JournalFormatError, match="something else"):
        Executor(kernel, journal=SqliteJournal(other)).run_sync(plan)
    with pytest.raises(JournalDamagedError, match="no journal"):
        Executor(kernel, journal=SqliteJournal(tmp_path / "text.db")).run_sync(plan)
    with pytest.raises(JournalFileError):
        Executor(kernel, journal=SqliteJournal(tmp_path / "none" / "runs.db")).run_sync(plan)


def test_a_file_of_a_newer_version_is_refused_and_an_older_one_migrated(
    kernel: Kernel, journal: SqliteJournal
) -> None:
    plan = parse(kernel, '<function.W.send what="x"/>')
    Executor(kernel, journal=journal).run_sync(plan, run_id="one")
    newer = SqliteJournal(journal.path)
    newer.file.migrations = (*newer.file.migrations, "ALTER TABLE runs ADD COLUMN owner_note TEXT;")
    assert newer.run("one").status == "done"
    with sqlite3.connect(journal.path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT owner_note FROM runs").fetchall() == [(None,)]
    connection.close()
    with pytest.raises(JournalFormatError, match="newer planloom"):
        SqliteJournal(journal.path).run("one")


def test_events_are_only_added(kernel: Kernel, journal: SqliteJournal) -> None:
    Executor(kernel, journal=journal).run_sync(parse(kernel, '<function.W.send what="x"/>'))
    connection = sqlite3.connect(journal.path)
    for statement in ("UPDATE events SET kind = 'done'", "DELETE FROM events"):
        with pytest.raises(sqlite3.IntegrityError, match="only added"):
            connection.execute(statement)
    connection.close()


def test_an_event_that_was_tampered_with_or_lost_is_found(kernel: Kernel, journal: SqliteJournal) -> None:
    executor = Executor(kernel, journal=journal)
    executor.run_sync(parse(kernel, '<function.W.send what="x"/>'), run_id="one")
    connection = sqlite3.connect(journal.path, isolation_level=None)
    connection.execute("DROP TRIGGER events_stay")
    connection.execute("DROP TRIGGER events_remain")
    connection.execute("UPDATE events SET data = replace(data, 'sent', 'cent') WHERE kind = 'done'")
    with pytest.raises(JournalDamagedError, match="event 3"):
        executor.resume_sync("one")
    connection.execute("UPDATE events SET data = replace(data, 'cent', 'sent') WHERE kind = 'done'")
    connection.execute("UPDATE beginnings SET plan = replace(plan, 'W.send', 'W.put')")
    with pytest.raises(JournalDamagedError, match="what run one began with"):
        executor.resume_sync("one")
    connection.execute("UPDATE beginnings SET plan = replace(plan, 'W.put', 'W.send')")
    assert executor.resume_sync("one").text == "sent x"
    connection.execute("DELETE FROM events WHERE number >= 3")
    with pytest.raises(JournalDamagedError, match="6 events and 2 are left"):
        executor.resume_sync("one")
    connection.close()
