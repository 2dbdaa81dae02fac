"""Faults of the file, the clock and the owner: each has a named outcome, and none loses what was written."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_clock import FakeClock
from planloom import Kernel, kernel_function
from planloom.planners import Executor, InDoubtError, Plan, SqliteJournal
from planloom.planners.journal.committer import Told
from planloom.planners.journal.errors import (
    JournalError,
    JournalFileError,
    LeaseLostError,
    RunOwnedError,
)
from planloom.planners.journal.owner import Lease, is_over, this_process
from planloom.planners.journal.values import Saved, Unsavable, restore, save


class Desk:
    """Counts what is done."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.size = 1

    @kernel_function(touches=())
    def write(self, what: str) -> str:
        """Write."""
        self.done.append(what)
        return what * self.size

    @kernel_function(effect="read")
    def look(self, what: str) -> str:
        """Look."""
        return what * self.size


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def kernel(desk: Desk) -> Kernel:
    kernel = Kernel()
    kernel.add_skill(desk)
    return kernel


def chain(kernel: Kernel, length: int) -> Plan:
    """Writes, each after the one before it."""
    first = '<function.Desk.write what="1" setContextVariable="A1"/>'
    rest = (
        f'<function.Desk.write what="{number}" after="A{number - 1}" setContextVariable="A{number}"/>'
        for number in range(2, length + 1)
    )
    return Plan.parse(f"<plan>{first}{''.join(rest)}</plan>", kernel)


# -- the file --------------------------------------------------------------------------------------------


def limited(journal: SqliteJournal, pragma: str) -> None:
    """Let SQLite itself meet a limit on every connection from now on."""
    opened = journal.file.open

    def open_limited() -> sqlite3.Connection:
        connection = opened()
        connection.execute(pragma)
        return connection

    journal.file.open = open_limited  # type: ignore[method-assign]


def test_a_full_disk_stops_the_run_and_loses_nothing(kernel: Kernel, desk: Desk, tmp_path: Path) -> None:
    desk.size = 20_000
    full = SqliteJournal(tmp_path / "runs.db")
    limited(full, "PRAGMA max_page_count = 40")
    with pytest.raises(JournalFileError, match=r"disk is full\. Make room"):
        Executor(kernel, journal=full).run_sync(chain(kernel, 12), run_id="one")
    before = list(desk.done)
    assert 0 < len(before) < 12
    roomy = SqliteJournal(tmp_path / "runs.db")
    executor = Executor(kernel, journal=roomy)
    free = [event.step for event in roomy.events("one") if event.kind == "done"]
    try:
        executor.resume_sync("one")
    except InDoubtError as error:
        for doubt in error.doubts:
            roomy.decide("one", doubt.step, "done", doubt.arguments["what"] * desk.size)
        executor.resume_sync("one")
    assert desk.done == [str(number) for number in range(1, 13)]
    assert free == [str(number) for number in range(1, len(free) + 1)]


def test_a_file_that_cannot_be_written_is_named_before_anything_runs(
    kernel: Kernel, desk: Desk, tmp_path: Path
) -> None:
    SqliteJournal(tmp_path / "runs.db").file.open().close()
    journal = SqliteJournal(tmp_path / "runs.db")
    limited(journal, "PRAGMA query_only = ON")
    with pytest.raises(JournalFileError, match="cannot be written; look at its permissions"):
        Executor(kernel, journal=journal).run_sync(chain(kernel, 2))
    assert desk.done == []


def test_another_process_that_writes_for_too_long_is_named(
    kernel: Kernel, desk: Desk, tmp_path: Path
) -> None:
    journal = SqliteJournal(tmp_path / "runs.db", timeout=0.01)
    busy = journal.file.open()
    busy.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalFileError, match="another process was writing"):
        Executor(kernel, journal=journal).run_sync(chain(kernel, 2))
    busy.execute("ROLLBACK")
    busy.close()
    assert desk.done == []
    Executor(kernel, journal=journal).run_sync(chain(kernel, 2))


PAGE = 4096


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A journal of a few runs in one file, nothing left beside it, and the runs' results."""
    folder = tmp_path_factory.mktemp("written")
    kernel, desk = Kernel(), Desk()
    desk.size = 900
    kernel.add_skill(desk)
    journal = SqliteJournal(folder / "runs.db")
    texts = {
        name: Executor(kernel, journal=journal).run_sync(chain(kernel, 6), run_id=name).text for name in "abc"
    }
    connection = sqlite3.connect(folder / "runs.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return folder / "runs.db", texts


@settings(max_examples=60, deadline=None)
@given(
    where=st.floats(0, 1, exclude_max=True),
    noise=st.binary(min_size=1, max_size=64),
    at=st.integers(0, PAGE - 64),
)
def test_a_damaged_page_gives_the_right_values_or_a_named_error(
    written: tuple[Path, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
    where: float,
    noise: bytes,
    at: int,
) -> None:
    source, texts = written
    copy = tmp_path_factory.mktemp("damaged") / "runs.db"
    shutil.copy(source, copy)
    pages = copy.stat().st_size // PAGE
    overwrite(copy, int(where * pages) * PAGE + at, noise)
    require_right_or_named(copy, texts)


def test_a_damaged_last_page_is_named(written: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    source, texts = written
    copy = tmp_path / "runs.db"
    shutil.copy(source, copy)
    overwrite(copy, copy.stat().st_size - PAGE, os.urandom(PAGE))
    assert require_right_or_named(copy, texts) >= 1


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def require_right_or_named(path: Path, texts: dict[str, str]) -> int:
    """Resume every run; how many were refused."""
    kernel, desk = Kernel(), Desk()
    kernel.add_skill(desk)
    refused = 0
    for name, text in texts.items():
        try:
            assert Executor(kernel, journal=SqliteJournal(path)).resume_sync(name).text == text
        except JournalError:
            refused += 1
        assert desk.done == []
    return refused


# -- the clock and the owner -----------------------------------------------------------------------------


class Gate:
    """A step that waits, on the loop of the run."""

    def __init__(self) -> None:
        self.started, self.open = asyncio.Event(), asyncio.Event()
        self.calls = 0

    @kernel_function(touches=())
    async def write(self) -> str:
        """Write, once it may."""
        self.calls += 1
        self.started.set()
        await self.open.wait()
        return "written"


def gated(gate: Gate) -> Kernel:
    kernel = Kernel()
    kernel.add_skill(gate)
    return kernel


Move = Callable[[FakeClock], None]


def test_a_clock_that_jumps_moves_no_lease(tmp_path: Path) -> None:
    async def check() -> None:
        gate, clock = Gate(), FakeClock()
        kernel = gated(gate)
        first = Executor(kernel, journal=SqliteJournal(tmp_path / "runs.db", clock=clock))
        second = Executor(kernel, journal=SqliteJournal(tmp_path / "runs.db", clock=clock))
        plan = Plan.parse("<plan><function.Gate.write/></plan>", kernel)
        running = asyncio.create_task(first.run(plan, run_id="one"))
        await gate.started.wait()
        for jump in (10 * 365 * 86400.0, -20 * 365 * 86400.0):
            clock.day += jump
            with pytest.raises(RunOwnedError):
                await second.resume("one")
        gate.open.set()
        assert (await running).text == "written"

    asyncio.run(check())


def test_an_owner_that_stood_still_cannot_write_when_it_wakes(tmp_path: Path) -> None:
    async def check() -> None:
        gate, clock = Gate(), FakeClock()
        kernel = gated(gate)
        frozen = Executor(kernel, journal=SqliteJournal(tmp_path / "runs.db", clock=clock, lease=30))
        journal = SqliteJournal(tmp_path / "runs.db", clock=clock, lease=30)
        plan = Plan.parse("<plan><function.Gate.write/></plan>", kernel)
        running = asyncio.create_task(frozen.run(plan, run_id="one"))
        await gate.started.wait()
        clock.now += 31
        with pytest.raises(InDoubtError):
            await Executor(kernel, journal=journal).resume("one")
        gate.open.set()
        with pytest.raises(LeaseLostError, match="stood still"):
            await running
        assert [event.kind for event in journal.events("one")] == ["began", "intent"]
        journal.decide("one", "1", "done", "written")
        assert (await Executor(kernel, journal=journal).resume("one")).text == "written"
        assert gate.calls == 1

    asyncio.run(check())


def test_an_owner_that_stood_still_before_a_write_does_not_start_it(tmp_path: Path) -> None:
    """Its intent is on disk, and its time was up while that was written."""

    async def check() -> None:
        gate, clock = Gate(), FakeClock()
        kernel = gated(gate)
        journal = SqliteJournal(tmp_path / "runs.db", clock=clock, lease=30)
        executor = Executor(kernel, journal=journal)
        plan = Plan.parse("<plan><function.Gate.write/></plan>", kernel)
        post = journal.post

        def slow_disk(work: Callable[[sqlite3.Connection], object], told: Told[object]) -> None:
            def slower(connection: sqlite3.Connection) -> object:
                done = work(connection)
                clock.now += 31
                return done

            post(slower, told)

        journal.post = slow_disk  # type: ignore[method-assign, assignment]
        with pytest.raises(LeaseLostError):
            await executor.run(plan, run_id="one")
        assert gate.calls == 0

    asyncio.run(check())


def lease(of: str, steady: float, wall: float) -> Lease:
    return Lease(of, steady, wall)


def test_whose_lease_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    ours = this_process()
    machine, pid, born = ours.rsplit(" ", 2)
    host, boot, namespace = machine.split(" ")
    live = (clock.now + 1, clock.day + 1)
    assert not is_over(lease(ours, *live), clock)
    assert is_over(lease(ours, clock.now - 1, clock.day + 1), clock)
    assert is_over(lease(f"{machine} {pid} {int(born or 0) + 1}", *live), clock), "its number is used again"
    assert is_over(lease(f"{host} another-boot {namespace} {pid} {born}", *live), clock), "it was rebooted"
    elsewhere = f"other-host another-boot {namespace} {pid} {born}"
    assert not is_over(lease(elsewhere, 0, clock.day + 1), clock)
    assert is_over(lease(elsewhere, *live[:1], clock.day - 1), clock)
    container = f"{host} {boot} pid:[1] {pid} {born}"
    assert not is_over(lease(container, 0, clock.day + 1), clock), "another set of processes on this machine"
    monkeypatch.setattr(os, "kill", refuse)
    assert is_over(lease(ours, *live), clock), "it is gone"


def refuse(pid: int, signal: int) -> None:
    raise ProcessLookupError


# -- values ----------------------------------------------------------------------------------------------

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_plain_values_come_back_exactly(value: object) -> None:
    again = restore(save(value), int)
    assert repr(again) == repr(value)


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        ((1, "a"), tuple[int, str]),
        ({1, 2}, set[int]),
        (b"\xff\x00", bytes),
        ({1: [b"x"]}, dict[int, list[bytes]]),
    ],
)
def test_other_values_come_back_by_their_declared_type(value: object, declared: object) -> None:
    assert restore(save(value, declared), declared) == value


def circle() -> list[object]:
    around: list[object] = []
    around.append(around)
    return around


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        ((1, 2), object),
        ("text", bytes),
        (float("nan"), float),
        (object(), object),
        (circle(), list),
        ({1: 2}, dict),
        (iter([1]), object),
    ],
)
def test_what_json_would_change_is_refused(value: object, declared: object) -> None:
    if value == "text":
        assert restore(save(value, declared), declared) == "text", "plain JSON needs no type"
        return
    with pytest.raises(Unsavable):
        save(value, declared)


def test_a_value_that_no_longer_fits_is_an_error() -> None:
    with pytest.raises(ValueError, match="valid integer"):
        restore(Saved('"x"', typed=True), int)
