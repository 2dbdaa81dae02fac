"""Faults of the disk, the file and the owner, with real processes: each has a name and loses nothing.

    python benchmarks/journal_faults.py     as root, a full disk and a file without permissions are real too

Each case runs a chain of writes that note what they did in a file, meets its fault, is resumed in a new
process once the fault is gone, and in the end has done every write once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from planloom import Kernel, kernel_function
from planloom.errors import PlanloomError
from planloom.planners import Executor, InDoubtError, Plan, SqliteJournal
from planloom.planners.journal.owner import Clock
from planloom.planners.journal.resuming import resumed as _resumed  # noqa: F401 - imported before the forks

STEPS, NOBODY = 12, 65534
Outcome = tuple[str, str]


class Desk:
    """Writes a line for every call; ``size`` makes values large."""

    def __init__(self, folder: Path, size: int = 1, pause: float = 0.0) -> None:
        self.file, self.size, self.pause = folder / "world.txt", size, pause

    @kernel_function(touches=())
    def write(self, what: str) -> str:
        """Write."""
        with self.file.open("a") as file:
            file.write(f"{what}\n")
        time.sleep(self.pause)
        return what * self.size


def executor(folder: Path, journal: SqliteJournal, size: int = 1, pause: float = 0.0) -> Executor:
    kernel = Kernel()
    kernel.add_skill(Desk(folder, size, pause))
    return Executor(kernel, journal=journal)


def plan(kernel: Kernel) -> Plan:
    steps = "".join(
        f'<function.Desk.write what="{number}" setContextVariable="A{number}"'
        + (f' after="A{number - 1}"/>' if number > 1 else "/>")
        for number in range(1, STEPS + 1)
    )
    return Plan.parse(f"<plan>{steps}</plan>", kernel)


def in_a_process(work: Callable[[], str]) -> str:
    """What ``work`` says, or the name of the error it raised, from a process of its own."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        said = "no answer"
        try:
            said = work()
        except (PlanloomError, OSError) as error:
            said = f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, said.encode()[:4000])
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said


def run(folder: Path, journal: Path, size: int = 1) -> str:
    made = executor(folder, SqliteJournal(journal), size)
    return made.run_sync(plan(made.kernel), run_id="one").text[:5]


def finish(folder: Path, path: Path, size: int = 1) -> str:
    """Resume; a person who looks at the world decides what is in doubt."""
    journal = SqliteJournal(path)
    made = executor(folder, journal, size)
    for _ in range(3):
        try:
            return made.resume_sync("one").text[:5]
        except InDoubtError as error:
            world = (folder / "world.txt").read_text().split()
            for doubt in error.doubts:
                what = doubt.arguments["what"]
                journal.decide("one", doubt.step, "done" if what in world else "not-done", what * size)
    return "no end"


def require_once(folder: Path, said: str) -> None:
    world = (folder / "world.txt").read_text().split()
    assert world == [str(number) for number in range(1, STEPS + 1)], world
    assert said.startswith(str(STEPS)), said


# -- the cases -------------------------------------------------------------------------------------------


def full_disk(folder: Path) -> str:
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)], check=True)
    try:
        said = in_a_process(lambda: run(folder, disk / "runs.db", 30_000))
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        require_once(folder, in_a_process(lambda: finish(folder, disk / "runs.db", 30_000)))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    return said


def read_only(folder: Path) -> str:
    os.chmod(folder, 0o755)
    SqliteJournal(folder / "runs.db").file.open().close()
    os.chmod(folder / "runs.db", 0o444)

    def as_nobody() -> str:
        made = executor(folder, SqliteJournal(folder / "runs.db"))
        parsed = plan(made.kernel)
        os.setuid(NOBODY)
        return made.run_sync(parsed, run_id="one").text

    said = in_a_process(as_nobody)
    assert not (folder / "world.txt").exists()
    os.chmod(folder / "runs.db", 0o600)
    require_once(folder, in_a_process(lambda: run(folder, folder / "runs.db")))
    return said


class Jumping(Clock):
    """The time of day jumps ten years forth and back with every look at it."""

    forth = True

    def wall(self) -> float:
        self.forth = not self.forth
        return time.time() + (1 if self.forth else -1) * 10 * 365 * 86400


def jumping_clock(folder: Path) -> str:
    def jump() -> str:
        made = executor(folder, SqliteJournal(folder / "runs.db", clock=Jumping()))
        return made.run_sync(plan(made.kernel), run_id="one").text

    said = in_a_process(jump)
    require_once(folder, said)
    return f"finished with {said}"


def second_process(folder: Path) -> str:
    """Another process tries to run it while it runs, then waits for its end."""
    path = folder / "runs.db"
    pid = started(folder, path)
    said = in_a_process(lambda: executor(folder, SqliteJournal(path)).resume_sync("one").text)
    waited = in_a_process(lambda: executor(folder, SqliteJournal(path)).resume_sync("one", wait=60).text)
    os.waitpid(pid, 0)
    require_once(folder, waited)
    return said


def frozen_owner(folder: Path) -> str:
    """The owner is stopped for longer than its lease, another takes the run, and then the owner wakes."""
    path = folder / "runs.db"
    pid = started(folder, path)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1.5)
    require_once(folder, in_a_process(lambda: finish(folder, path)))
    os.kill(pid, signal.SIGCONT)
    os.waitpid(pid, 0)
    said = (folder / "said.txt").read_text()
    require_once(folder, in_a_process(lambda: finish(folder, path)))
    return said


def started(folder: Path, path: Path) -> int:
    """A process that runs slowly, once it has begun to write."""
    pid = os.fork()
    if not pid:
        made = executor(folder, SqliteJournal(path, lease=1.0), pause=0.05)
        try:
            asyncio.run(made.run(plan(made.kernel), run_id="one"))
        except PlanloomError as error:
            (folder / "said.txt").write_text(f"{type(error).__name__}: {error}")
        os._exit(0)
    while not (folder / "world.txt").exists():
        time.sleep(0.01)
    return pid


def damaged_last_page(folder: Path) -> str:
    path = folder / "runs.db"
    require_once(folder, in_a_process(lambda: run(folder, path, 900)))
    journal = SqliteJournal(path)
    connection = journal.file.open()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-4096] + os.urandom(4096))
    said = in_a_process(lambda: finish(folder, path, 900))
    path.write_bytes(whole)  # the copy that the message asks for
    require_once(folder, in_a_process(lambda: finish(folder, path, 900)))
    return said


CASES: tuple[tuple[Callable[[Path], str], str], ...] = (
    (full_disk, "JournalFileError"),
    (read_only, "JournalFileError"),
    (damaged_last_page, "JournalDamagedError"),
    (jumping_clock, "finished"),
    (second_process, "RunOwnedError"),
    (frozen_owner, "LeaseLostError"),
)


def warm() -> None:
    """Import here what the processes need: nobody may read the interpreter's own files, for one."""
    with tempfile.TemporaryDirectory() as folder:
        made = executor(Path(folder), SqliteJournal(Path(folder) / "runs.db"))
        Executor(made.kernel).run_sync(plan(made.kernel))


def main() -> None:
    warm()
    for case, named in CASES:
        if case in (full_disk, read_only) and os.getuid():
            print(f"{case.__name__}: left out, it needs root")
            continue
        with tempfile.TemporaryDirectory() as folder:
            said = case(Path(folder))
        assert said.startswith(named), said
        print(f"{case.__name__}: {said.splitlines()[0][:150]}; nothing lost, nothing twice", flush=True)


if __name__ == "__main__":
    main()
