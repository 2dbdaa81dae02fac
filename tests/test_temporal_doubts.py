"""Writes on Temporal of which nobody knows whether they happened, and what decides that."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

import test_temporal

pytest.importorskip("temporalio", reason="planloom[temporal] is not installed")

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from planloom import Kernel, kernel_function
from planloom.planners import Plan
from planloom.planners.journal.errors import QuestionError
from planloom.planners.journal.history import Doubt
from planloom.plugins.temporal import TemporalEngine, worker
from planloom.plugins.temporal_wire import CallOrder, CallOutcome, RemoteRunError, VerdictSignal

pytestmark = test_temporal.pytestmark


@dataclass
class Letter:
    text: str


@dataclass
class Parcel:
    grams: int


@dataclass
class Post:
    """What is called, of which some takes its time."""

    calls: list[str] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    @kernel_function(touches=(), retries=1)
    def odd(self, what: str) -> Any:
        """Give what cannot be sent."""
        self.calls.append(what)
        return object()

    @kernel_function(touches=(), retries=1, runs_on="press")
    def stamp(self, what: str) -> str:
        """Stamp, at the press, and not before it may go on."""
        self.calls.append(what)
        self.begun.set()
        self.go_on.wait()
        return f"stamped {what}"

    @kernel_function(effect="none")
    def letter(self, text: str) -> Letter:
        """A letter."""
        return Letter(text)

    @kernel_function(effect="read", runs_on="press")
    def weigh(self, what: Letter) -> int:
        """Weigh, at the press."""
        return len(what.text)


class OtherPost:
    """As another version has it."""

    @kernel_function(effect="read", runs_on="press")
    def weigh(self, what: Parcel) -> int:
        """Weigh a parcel."""
        return what.grams


STAMP = '<plan><function.Post.stamp what="it" appendToResult="R"/></plan>'


@dataclass
class Bench:
    """A server, an engine, and the post whose kernel the workers of its queue have."""

    client: Client
    queue: str
    post: Post
    kernel: Kernel
    engine: TemporalEngine

    def worker(self) -> Worker:
        return worker(self.kernel, self.client, self.queue)

    def press(self, kernel: Kernel, graceful: float = 30.0) -> Worker:
        """A worker of the queue on which the press is."""
        return worker(kernel, self.client, "press", calls_only=True, graceful=graceful)

    async def start(self, text: str) -> str:
        return await self.engine.start(Plan.parse(text, self.kernel))

    async def doubt(self, run_id: str) -> Doubt:
        """What the run is in doubt of, as soon as it is."""
        while not (found := await self.engine.doubts(run_id)):  # noqa: ASYNC110 - another process tells
            await asyncio.sleep(0.01)
        return found[0]


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=test_temporal.SERVER
    )
    async with environment:
        kernel, queue, client = Kernel(), uuid4().hex, environment.client
        post = Post()
        kernel.add_skill(post)
        yield Bench(client, queue, post, kernel, TemporalEngine(client, queue))


def within_a_minute(check: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(check, 60))


def kernel_of(skill: object) -> Kernel:
    kernel = Kernel()
    kernel.add_skill(skill, "Post")
    return kernel


def test_a_write_that_a_shutdown_cut_short_is_in_doubt_and_not_sent_again() -> None:
    async def check() -> None:
        async with bench() as here, here.worker():
            async with here.press(here.kernel, graceful=0.01):
                run_id = await here.start(STAMP)
                await asyncio.to_thread(here.post.begun.wait)
            async with here.press(here.kernel):
                doubt = await here.doubt(run_id)
                here.post.go_on.set()
                assert (doubt.name, doubt.arguments) == ("Post.stamp", {"what": "it"})
                assert "it ended with WorkerShutdown" in str(doubt)
                await here.engine.decide(run_id, doubt.step, "done", "stamped it")
                assert (await here.engine.result(run_id)).text == "stamped it"
            assert here.post.calls == ["it"]

    within_a_minute(check())


def test_a_write_whose_value_cannot_be_sent_is_in_doubt_and_not_sent_again() -> None:
    async def check() -> None:
        async with bench() as here, here.worker():
            run_id = await here.start('<plan><function.Post.odd what="it" appendToResult="R"/></plan>')
            doubt = await here.doubt(run_id)
            assert "gave a value that cannot be sent" in doubt.error
            await here.engine.decide(run_id, doubt.step, "done", {"plain": 1})
            assert (await here.engine.result(run_id)).results == {"R": {"plain": 1}}
            assert here.post.calls == ["it"]

    within_a_minute(check())


def test_a_write_that_no_worker_has_is_in_doubt_until_one_comes() -> None:
    async def check() -> None:
        async with bench() as here, here.worker():
            async with here.press(kernel_of(OtherPost())):
                run_id = await here.start(STAMP)
                doubt = await here.doubt(run_id)
            assert "NotFoundError" in doubt.error
            here.post.go_on.set()
            async with here.press(here.kernel):
                await here.engine.decide(run_id, doubt.step, "not-done")
                assert (await here.engine.result(run_id)).text == "stamped it"

    within_a_minute(check())


@activity.defn(name="Post.stamp")
async def broken(order: CallOrder) -> CallOutcome:
    raise ApplicationError("the store of large values is down", type="OSError")


def test_what_is_no_verdict_leaves_a_write_in_doubt() -> None:
    async def check() -> None:
        async with bench() as here, here.worker():
            engine = here.engine
            async with Worker(here.client, task_queue="press", activities=[broken]):
                run_id = await here.start(STAMP)
                doubt = await here.doubt(run_id)
            with pytest.raises(QuestionError, match="'not done' is no verdict on step 1"):
                await engine.decide(run_id, "1", "not done")  # type: ignore[arg-type]
            with pytest.raises(QuestionError, match="the value that was given for step 1 is not what it ret"):
                await engine.decide(run_id, "1", "done", 5)
            with pytest.raises(QuestionError, match=r"step 2 is not in doubt\. In doubt: 1"):
                await engine.decide(run_id, "2", "skip")
            by_hand = here.client.get_workflow_handle(run_id)
            for word in (VerdictSignal("1", "not done"), VerdictSignal("1", "done", 5)):
                await by_hand.signal("decide", word)
            assert await engine.doubts(run_id) == (doubt,)
            await engine.decide(run_id, "1", "done", "stamped by hand")
            assert (await engine.result(run_id)).text == "stamped by hand"
            assert here.post.calls == []
            with pytest.raises(QuestionError, match="In doubt: none"):
                await engine.decide(run_id, "1", "skip")

    within_a_minute(check())


def test_a_worker_that_cannot_read_what_a_call_is_given_ends_the_run_and_is_named() -> None:
    async def check() -> None:
        async with bench() as here, here.worker(), here.press(kernel_of(OtherPost())):
            run_id = await here.start(
                '<plan><function.Post.letter text="x" setContextVariable="L"/>'
                '<function.Post.weigh what="$L" appendToResult="R"/></plan>'
            )
            with pytest.raises(RemoteRunError, match="its argument what cannot be read here: grams"):
                await here.engine.result(run_id)

    within_a_minute(check())
