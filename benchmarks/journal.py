"""What the journal costs, beside bare loops that make the same commits on the same disk.

    python benchmarks/journal.py [FOLDER]     the folder's disk is measured; the current one if left out

A chain of writes, a fan-out, and a journal of a million events. A bare loop calls a function and commits, as
often as our run did, the very rows that our run wrote, ready made, into the same tables, and does nothing
else: once through ``asyncio.to_thread``, as a program must whose event loop is not to stand still while the
disk works, and once in the loop's own thread. All three take turns; a ratio is the median of the rounds'.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from planloom import Kernel, kernel_function
from planloom.planners import Executor, Plan, SqliteJournal
from planloom.planners.journal.entries import INSERT_EVENT, Packer, append
from planloom.planners.journal.file import JournalFile
from planloom.planners.journal.rows import RENEW, insert, rest

STEPS, ROUNDS = 100, 41
MILLION = 1_000_000
RUN_EVENTS = 200
"""Events of each run in the large journal."""

Synchronous = Literal["full", "normal", "off"]
"""What SQLite waits for; off is for measuring only."""
Rows = Sequence[tuple[Any, ...]]
Commit = Callable[[sqlite3.Connection, Rows], None]


class Desk:
    @kernel_function(touches=())
    async def write(self, what: str) -> str:
        """Write."""
        return what


def kernel_and_plans() -> tuple[Kernel, Plan, Plan]:
    kernel = Kernel()
    kernel.add_skill(Desk())
    chain = "".join('<function.Desk.write setContextVariable="A"/>' for _ in range(STEPS))
    fan = "".join(f'<function.Desk.write what="{number}"/>' for number in range(100))
    return kernel, Plan.parse(f"<plan>{chain}</plan>", kernel), Plan.parse(f"<plan>{fan}</plan>", kernel)


def opened(path: Path, synchronous: Synchronous) -> SqliteJournal:
    journal = SqliteJournal(path)
    journal.file.synchronous = synchronous  # type: ignore[assignment]
    return journal


def ours(kernel: Kernel, plan: Plan, journal: SqliteJournal) -> tuple[float, int, str]:
    """Seconds, commits and the id of a run under a journal that is in use already."""
    executor = Executor(kernel, journal=journal)
    executor.run_sync(Plan.parse('<plan><function.Desk.write what="x"/></plan>', kernel))
    before = journal.commits
    began = time.perf_counter()
    run_id = executor.run_sync(plan, {"INPUT": "x"}).run_id
    return time.perf_counter() - began, journal.commits - before, run_id


def written(journal: SqliteJournal, run_id: str, commits: int) -> list[Rows]:
    """The rows of a run, in as many parts as it had commits."""
    with journal.file.reading() as connection:
        rows = connection.execute(
            "SELECT run, number, at, kind, step, data, checksum FROM events WHERE run = ? ORDER BY number",
            (journal.run(run_id).key,),
        ).fetchall()
    ends = [len(rows) * turn // commits for turn in range(commits + 1)]
    return [rows[begin:end] for begin, end in pairwise(ends)]


def commit(connection: sqlite3.Connection, rows: Rows) -> None:
    until = time.monotonic() + 30
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(RENEW, (len(rows), time.time(), until, until, rows[0][0], 1)).fetchall()
    connection.executemany(INSERT_EVENT, rows)
    connection.execute("COMMIT")


def bare(path: Path, parts: Sequence[Rows], synchronous: Synchronous, *, in_thread: bool) -> float:
    """Seconds of a loop that calls a function and commits, once for each part."""
    JournalFile(path, "full", 30.0).open().close()
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(
        "INSERT INTO runs (key, id, status, started, updated, events, fence)"
        " VALUES (?, 'bare', '', 0, 0, 0, 1)",
        (parts[0][0][0],),
    )

    async def loop() -> None:
        desk = Desk()
        for rows in parts:
            await desk.write("x")
            if in_thread:
                await asyncio.to_thread(commit, connection, rows)
            else:
                commit(connection, rows)

    began = time.perf_counter()
    asyncio.run(loop())
    seconds = time.perf_counter() - began
    connection.close()
    return seconds


def compare(kernel: Kernel, plan: Plan, folder: Path, synchronous: Synchronous) -> None:
    found: list[tuple[float, float, float]] = []
    commits = 0
    for number in range(ROUNDS):
        path = folder / f"{synchronous}{number}.db"
        journal = opened(path, synchronous)
        seconds, commits, run_id = ours(kernel, plan, journal)
        parts = written(journal, run_id, commits)
        threaded = bare(path.with_suffix(".threaded"), parts, synchronous, in_thread=True)
        found.append(
            (seconds, threaded, bare(path.with_suffix(".bare"), parts, synchronous, in_thread=False))
        )
    own, threaded, plain = (statistics.median(times) / commits * 1e3 for times in zip(*found, strict=True))
    over_threaded, over_plain = (statistics.median(row[0] / row[at] for row in found) for at in (1, 2))
    print(
        f"synchronous={synchronous}: {own:.3f} ms a commit; bare loop through to_thread {threaded:.3f} ms "
        f"(ratio {over_threaded:.2f}), in the loop's thread {plain:.3f} ms (ratio {over_plain:.2f})",
        flush=True,
    )


def fill(path: Path) -> None:
    """Write a journal of a million events, the last of its runs one that was stopped."""
    _, plan, _ = kernel_and_plans()
    journal = SqliteJournal(path)
    connection = journal.file.open()
    connection.execute("PRAGMA synchronous = OFF")
    text, goal = plan.to_json(), "fill"
    functions = {"Desk.write": "Desk.write(what: str) -> str, write"}
    inputs = '{"INPUT":"x"}'
    connection.execute("BEGIN")
    for number in range(MILLION // RUN_EVENTS):
        hold = insert(
            connection,
            journal.clock,
            30.0,
            f"run-{number:05}",
            goal=goal,
            plan=text,
            functions=functions,
            inputs=inputs,
            policy="",
        )
        pairs = [
            entry
            for step in range(1, RUN_EVENTS // 2)
            for entry in (
                Packer()
                .put("name", "Desk.write")
                .put("idempotent", False)
                .put_arguments({"what": '"x"'})
                .entry("intent", str(step), time.time()),
                Packer().put_value('"x"').put("seconds", 0.001).entry("done", str(step), time.time()),
            )
        ]
        append(connection, hold.key, 1, pairs)
        connection.execute("UPDATE runs SET events = ? WHERE key = ?", (len(pairs) + 1, hold.key))
        rest(connection, hold, "stopped")
    connection.execute("COMMIT")
    connection.close()


def large(folder: Path) -> None:
    path = folder / "large.db"
    fill(path)
    journal = SqliteJournal(path)
    listing = timed(lambda: journal.runs(100))
    everything = timed(lambda: journal.runs(1_000_000))
    kernel, _, _ = kernel_and_plans()
    executor = Executor(kernel, journal=journal)
    resuming = timed(lambda: executor.resume_sync(f"run-{MILLION // RUN_EVENTS // 2:05}"))
    size = path.stat().st_size / 1e6
    print(
        f"{MILLION:,} events in {MILLION // RUN_EVENTS:,} runs, {size:.0f} MB: list {listing:.0f} ms, "
        f"list of all {everything:.0f} ms, resume of a run of {RUN_EVENTS} events {resuming:.0f} ms"
    )


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def main(folder: str | None) -> None:
    print("load:", *(f"{load:.1f}" for load in os.getloadavg()))
    kernel, chain, fan = kernel_and_plans()
    with tempfile.TemporaryDirectory(dir=folder or ".") as scratch:
        print(f"a chain of {STEPS} writes, medians of {ROUNDS} rounds in turn")
        for synchronous in ("full", "normal", "off"):
            compare(kernel, chain, Path(scratch), synchronous)
        seconds, commits, _ = ours(kernel, fan, opened(Path(scratch) / "fan.db", "full"))
        print(f"fan-out of 100 writes: {seconds * 1000:.1f} ms, {commits} commits", flush=True)
        large(Path(scratch))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
