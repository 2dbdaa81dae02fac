"""kill -9 at random moments, then resume: what was done is not lost, and nothing is silently done twice.

Real processes and a real journal, no fakes. Every write appends a line to a file, which is its effect on the
world. A run is killed at a random moment of its life, resumed, often killed again, and answered by a person
who looks at that file. In the end every write that may happen once happened once, every idempotent one
happened under one key, the result is right, and every step reported in doubt had an intent and no end.

    python benchmarks/kill_runs.py [TRIALS]     200 trials of each plan if left out
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from planloom import Kernel, idempotency_key, kernel_function
from planloom.planners import Executor, NeedsApproval, Plan
from planloom.planners.journal.errors import InDoubtError, RunNotFoundError, RunWaiting
from planloom.planners.journal.history import Doubt
from planloom.planners.journal.resuming import resumed as _resumed  # noqa: F401 - imported before the forks
from planloom.planners.journal.sqlite import SqliteJournal
from planloom.planners.running.policy import Allowed, CallRequest, Decision

RUN = "killed"
FINISHED, WAITING, DOUBTFUL = 0, 10, 11

DIAMOND = """<plan>
  <function.Shop.look at="start" setContextVariable="A"/>
  <function.Shop.send what="left $A" setContextVariable="B"/>
  <function.Shop.put what="right $A" setContextVariable="C"/>
  <function.Shop.send what="$B, $C" appendToResult="RESULT__SENT"/>
</plan>"""
LOOP = """<plan>
  <foreach item="X" in="$LIST">
    <function.Shop.send what="$X" setContextVariable="S"/>
    <function.Shop.put what="$S" appendToResult="RESULT__PUT"/>
  </foreach>
</plan>"""
APPROVAL = """<plan>
  <function.Shop.put what="draft" setContextVariable="A"/>
  <function.Shop.send what="$A" setContextVariable="B"/>
  <ask setContextVariable="WHO" question="For whom?"/>
  <function.Shop.send what="$B for $WHO" appendToResult="RESULT__SENT"/>
</plan>"""


class Shop:
    """Functions whose effects are lines in a file."""

    def __init__(self, world: Path) -> None:
        self.world = world

    def effect(self, kind: str, what: str) -> str:
        time.sleep(random.random() * 0.003)
        line = f"{kind}\t{idempotency_key()}\t{what}\n".encode()
        descriptor = os.open(self.world, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line)
        os.close(descriptor)
        time.sleep(random.random() * 0.003)
        return f"{kind}({what})"

    @kernel_function(effect="read", touches=("shelf",))
    def look(self, at: str) -> str:
        """Look."""
        time.sleep(random.random() * 0.003)
        return f"saw {at}"

    @kernel_function(touches=("outbox",))
    def send(self, what: str) -> str:
        """Send, which must not happen twice."""
        return self.effect("send", what)

    @kernel_function(touches=("shelf",), idempotent=True)
    def put(self, what: str) -> str:
        """Put on the shelf, which may happen again under the same key."""
        return self.effect("put", what)


class AskBeforeSending:
    def decide(self, request: CallRequest) -> Decision:
        return NeedsApproval("it leaves the house") if request.function.name == "send" else Allowed()


@dataclass(frozen=True)
class Case:
    name: str
    plan: str
    inputs: dict[str, object] = field(default_factory=dict)
    asks: bool = False
    writes: int = 0


CASES = (
    Case("diamond", DIAMOND, writes=3),
    Case("foreach over 50", LOOP, {"LIST": [f"item {number}" for number in range(50)]}, writes=100),
    Case("approval and ask", APPROVAL, asks=True, writes=3),
)


class Trial:
    """One run from its start, through its kills, to its end. ``folder`` holds its journal and its world."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case, self.folder = case, folder
        self.world, self.result = folder / "world.txt", folder / "result.txt"
        self.doubts = 0

    def executor(self) -> Executor:
        kernel = Kernel()
        kernel.add_skill(Shop(self.world))
        policy = AskBeforeSending() if self.case.asks else None
        return Executor(kernel, journal=self.journal(), policy=policy)

    def journal(self) -> SqliteJournal:
        return SqliteJournal(self.folder / "runs.db")

    # -- in a process of their own -----------------------------------------------------------------------

    def go_on(self) -> int:
        """Start the run, or resume it; the exit code says how it ended."""
        try:
            return asyncio.run(self._go_on())
        except RunWaiting:
            return WAITING
        except InDoubtError:
            return DOUBTFUL

    async def _go_on(self) -> int:
        executor = self.executor()
        try:
            result = await executor.resume(RUN) if (self.folder / "runs.db").exists() else None
        except RunNotFoundError:  # killed before it began
            result = None
        if result is None:
            plan = Plan.parse(self.case.plan, executor.kernel)
            result = await executor.run(plan, self.case.inputs, run_id=RUN)
        self.result.write_text(result.text)
        return FINISHED

    def answer_all(self) -> int:
        journal = self.journal()
        for question in journal.history(RUN).open_questions:
            if question.about == "ask":
                journal.answer(RUN, "Ada", question.step)
            else:
                journal.approve(RUN, question.step)
        return FINISHED

    def decide_all(self) -> int:
        """Decide as a person would who looks at the world."""
        journal = self.journal()
        for doubt in journal.history(RUN).doubts:
            what = doubt.arguments["what"]
            if f"send({what})" in self.effects():
                journal.decide(RUN, doubt.step, "done", f"send({what})")
            else:
                journal.decide(RUN, doubt.step, "not-done")
        return FINISHED

    # -- in the script's process -------------------------------------------------------------------------

    def effects(self) -> Counter[str]:
        return Counter(f"{kind}({what})" for kind, _, what in self.lines())

    def lines(self) -> list[list[str]]:
        text = self.world.read_text() if self.world.exists() else ""
        return [line.split("\t") for line in text.splitlines()]

    def finish(self) -> None:
        """Go on, answer and decide, until the run is done."""
        for _ in range(20):
            code = ended(forked(self.go_on))
            if code == FINISHED:
                return
            if code == WAITING:
                assert ended(forked(self.answer_all)) == FINISHED
            elif code == DOUBTFUL:
                self.require_real_doubts()
                assert ended(forked(self.decide_all)) == FINISHED
            else:
                raise AssertionError(f"{self.case.name}: a process ended with {code}")
        raise AssertionError(f"{self.case.name}: the run comes to no end")

    def say_what_is_asked(self) -> None:
        """Answer, between two kills, what the run asks by then."""
        if self.case.asks and (self.folder / "runs.db").exists() and self.journal().runs():
            assert ended(forked(self.answer_all)) == FINISHED

    def require_real_doubts(self) -> None:
        journal = self.journal()
        events = journal.events(RUN)
        doubts: list[Doubt] = journal.history(RUN).doubts
        self.doubts += len(doubts)
        for doubt in doubts:
            since = [event for event in events if event.step == doubt.step and event.number >= doubt.number]
            assert [event.kind for event in since] == ["intent"], since

    def check(self, right: str) -> None:
        assert self.result.read_text() == right, self.result.read_text()
        sent = Counter(what for kind, _, what in self.lines() if kind == "send")
        assert set(sent.values()) <= {1}, sent
        keys: dict[str, set[str]] = {}
        for kind, key, what in self.lines():
            keys.setdefault(f"{kind}({what})", set()).add(key)
        assert all(len(found) == 1 for found in keys.values()), keys
        assert len({key for found in keys.values() for key in found}) == len(keys) == self.case.writes


def forked(work: Callable[[], int]) -> int:
    """The id of a new process that does ``work``."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        random.seed()
        code = work()
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(pid: int, delay: float) -> bool:
    """Kill a process after ``delay`` seconds; whether it was still there."""
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
    return ended(pid) == -signal.SIGKILL


def measured(case: Case) -> tuple[str, float]:
    """The right result, and how long a process goes on until the run ends or waits, in seconds."""
    lengths: list[float] = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(case, Path(folder))
            began = time.perf_counter()
            ended(forked(trial.go_on))
            lengths.append(time.perf_counter() - began)
            trial.finish()
            right = trial.result.read_text()
    return right, min(lengths)


def warm() -> None:
    """Import here what every process would import by itself, so that kills hit runs and not imports."""
    kernel = Kernel()
    with tempfile.TemporaryDirectory() as folder:
        kernel.add_skill(Shop(Path(folder) / "world.txt"))
        Executor(kernel).run_sync(Plan.parse(DIAMOND, kernel))


def attempt(case: Case, right: str, length: float) -> tuple[int, int]:
    """One trial: how many kills hit a living run, and how many steps were in doubt."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(case, Path(folder))
        kills = 0
        for _ in range(random.choice((1, 2)) + 2 * case.asks):
            kills += killed_at(forked(trial.go_on), random.random() * length)
            trial.say_what_is_asked()
        trial.finish()
        trial.check(right)
        return kills, trial.doubts


def main(trials: int) -> None:
    warm()
    for case in CASES:
        right, length = measured(case)
        kills = doubts = 0
        for _ in range(trials):
            hit, doubted = attempt(case, right, length)
            kills, doubts = kills + hit, doubts + doubted
        print(
            f"{case.name}: {trials} trials, {kills} kills of a living run ({length * 1000:.0f} ms long), "
            f"{doubts} steps in doubt, all of them real; no write lost, none done twice, every result right",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
