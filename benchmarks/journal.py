"""What the journal costs, beside a bare loop that makes the same commits on the same disk.

    python benchmarks/journal.py [FOLDER]     the folder's disk is measured; the current one if left out

A chain of writes, a fan-out, and a journal of a million events. The bare loop calls the functions one after
another and commits the same number of rows in as many transactions, with nothing else around them. On a busy
machine the ratio grows: a commit is made in a thread, and threads then wait for their turn.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from planloom import Kernel, kernel_function
from planloom.planners import Executor, Plan, SqliteJournal
from planloom.planners.journal.entries import Packer, append
from planloom.planners.journal.rows import insert, rest

STEPS, ROUNDS = 100, 31
MILLION = 1_000_000
RUN_EVENTS = 200
"""Events of each run in the large journal."""


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


def ours(kernel: Kernel, plan: Plan, path: Path, synchronous: str = "FULL") -> tuple[float, int, int]:
    """Seconds, commits and rows of a run under a journal."""
    journal = SqliteJournal(path)
    journal.file.synchronous = synchronous  # type: ignore[assignment]  # OFF is for measuring only
    journal.file.open().close()
    before = journal.commits
    executor = Executor(kernel, journal=journal)
    began = time.perf_counter()
    run_id = executor.run_sync(plan, {"INPUT": "x"}).run_id
    seconds = time.perf_counter() - began
    return seconds, journal.commits - before, journal.run(run_id).events


def bare(path: Path, commits: int, rows: int, synchronous: str = "FULL") -> float:
    """Seconds of a loop that calls as often, and commits as many rows in as many transactions."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, data TEXT)")
    data = '{"name":"Desk.write","idempotent":false,"arguments":{"what":"x"}}'

    async def loop() -> None:
        desk, number = Desk(), 0
        for turn in range(commits):
            await desk.write("x")
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(rows * (turn + 1) // commits - number):
                number += 1
                connection.execute("INSERT INTO rows VALUES (?, ?)", (number, data))
            connection.execute("COMMIT")

    began = time.perf_counter()
    asyncio.run(loop())
    seconds = time.perf_counter() - began
    connection.close()
    return seconds


def compare(kernel: Kernel, plan: Plan, folder: Path, name: str) -> None:
    found: list[tuple[float, float]] = []
    commits = rows = 0
    for number in range(ROUNDS):
        seconds, commits, rows = ours(kernel, plan, folder / f"{name}{number}.db")
        found.append((seconds, bare(folder / f"{name}{number}.bare.db", commits, rows)))
    own, loop = (statistics.median(times) * 1000 for times in zip(*found, strict=True))
    print(
        f"{name}: {own:.1f} ms with {commits} commits of {rows} rows; the bare loop {loop:.1f} ms; "
        f"ratio {own / loop:.2f} (medians of {ROUNDS} rounds in turn)",
        flush=True,
    )


def without_the_disk(kernel: Kernel, plan: Plan, folder: Path) -> None:
    """What is left when nothing is flushed: the machine's own work, which no disk hides or adds to."""
    own, loop = [], []
    for number in range(ROUNDS):
        seconds, commits, rows = ours(kernel, plan, folder / f"off{number}.db", "OFF")
        own.append(seconds)
        loop.append(bare(folder / f"off{number}.bare.db", commits, rows, "OFF"))
    more = (statistics.median(own) - statistics.median(loop)) / STEPS * 1e6
    print(f"without the disk the journal adds {more:.0f} us a step", flush=True)


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
        compare(kernel, chain, Path(scratch), f"chain of {STEPS} writes")
        without_the_disk(kernel, chain, Path(scratch))
        seconds, commits, rows = ours(kernel, fan, Path(scratch) / "fan.db")
        print(f"fan-out of 100 writes: {seconds * 1000:.1f} ms, {commits} commits of {rows} rows", flush=True)
        large(Path(scratch))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
