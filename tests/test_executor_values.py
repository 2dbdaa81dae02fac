"""Functions that return, raise or do what they should not: the run stays right, and says what happened."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel

from planloom import Kernel, kernel_function
from planloom.planners import Executor, Plan, PlanError, RunResult, StepError

MB = 1024 * 1024


def run(xml: str, functions: list[Callable[..., Any]], variables: Any = None, **options: Any) -> RunResult:
    kernel = Kernel()
    for function in functions:
        kernel.add_function(kernel_function(effect="none")(function), skill="T")
    plan = Plan.parse(f"<plan>{xml}</plan>", kernel)
    return asyncio.run(Executor(kernel, **options).run(plan, variables))


# -- what a step returns ---------------------------------------------------------------------------


def test_an_object_that_no_json_can_hold_is_passed_on_itself() -> None:
    class Connection:
        pass

    made = Connection()

    async def connect() -> Any:
        return made

    async def use(connection: Any) -> bool:
        return connection is made

    result = run(
        '<function.T.connect setContextVariable="C"/><function.T.use connection="$C" appendToResult="R"/>'
        '<result name="C" value="$C"/>',
        [connect, use],
    )
    assert result.results["R"] is True
    assert result.results["C"] is made


def test_a_hundred_megabytes_are_passed_on_without_a_copy() -> None:
    made = "x" * (100 * MB)
    seen: list[Any] = []

    async def make() -> str:
        return made

    async def use(text: str) -> str:
        seen.append(text)
        return text

    steps = "<function.T.make/>" + "<function.T.use/>" * 5
    gc.collect()
    tracemalloc.start()
    try:
        result = run(steps, [make, use], listeners=[lambda event: None])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(text is made for text in seen)
    assert result.text == made
    assert peak < 20 * MB


@dataclass
class Box:
    items: list[str] = field(default_factory=lambda: ["first"])


class Model(BaseModel):
    items: list[str] = ["first"]


@pytest.mark.parametrize(
    "value", [["first"], {"items": ["first"]}, [["first"]], Box(), Model(), {"box": Box()}, [Model()]]
)
def test_what_a_step_does_to_its_arguments_no_other_step_sees(value: Any) -> None:
    def spoil(item: Any) -> None:
        if isinstance(item, list):
            for part in item:
                spoil(part)
            item.append("spoilt")
        elif isinstance(item, dict):
            for part in list(item.values()):
                spoil(part)
            item["spoilt"] = True
        elif not isinstance(item, str):
            spoil(item.items)

    async def make() -> Any:
        return value

    async def change(it: Any) -> None:
        spoil(it)

    async def look(it: Any) -> str:
        return repr(it)

    before = repr(value)
    result = run(
        '<function.T.make setContextVariable="V"/><function.T.change it="$V" setContextVariable="DONE"/>'
        '<function.T.look it="$V" after="DONE" appendToResult="R"/>',
        [make, change, look],
    )
    assert result.text == before


def test_a_literal_list_that_a_step_changes_is_whole_in_the_next_run() -> None:
    async def change(it: list[int]) -> int:
        it.append(0)
        return len(it)

    kernel = Kernel()
    kernel.add_function(change, skill="T")
    plan = Plan.parse('<plan><function.T.change it="[1, 2]"/></plan>', kernel)
    assert [asyncio.run(Executor(kernel).run(plan)).text for _ in range(3)] == ["3", "3", "3"]


# -- what a step raises ----------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration(1), BaseException("odd"),
              asyncio.CancelledError(), TimeoutError("mine"), RecursionError(), MemoryError(),
              ExceptionGroup("two", [ValueError("a"), ValueError("b")]), AssertionError()],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_whatever_a_step_raises_is_a_step_that_failed(error: BaseException, is_async: bool) -> None:
    async def raises_async() -> None:
        raise error

    def raises_sync() -> None:
        raise error

    function = raises_async if is_async else raises_sync
    with pytest.raises(StepError) as caught:
        run(f"<function.T.ok/><function.T.{function.__name__}/>", [function, ok])
    assert caught.value.step == "2"
    cause = caught.value.__cause__
    # Python itself turns a StopIteration in a coroutine into a RuntimeError
    assert isinstance(cause, type(error) if not isinstance(error, StopIteration) else RuntimeError)
    assert [record.status for record in caught.value.done] == ["done", "failed"]


async def ok() -> str:
    return "ok"


def test_an_error_whose_words_cannot_be_had_is_still_told() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    async def fail() -> None:
        raise Mute

    with pytest.raises(StepError, match="Mute"):
        run("<function.T.fail/>", [fail])


# -- what a step does meanwhile --------------------------------------------------------------------


def test_a_step_may_call_the_kernel_and_start_tasks_of_its_own() -> None:
    kernel = Kernel()
    left: list[asyncio.Task[Any]] = []

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    async def outer(number: int) -> Any:
        left.append(asyncio.ensure_future(asyncio.sleep(3600)))  # and forgets it
        both = await asyncio.gather(*(kernel.invoke("T.double", number=n) for n in (number, 10)))
        async with asyncio.TaskGroup() as group:
            third = group.create_task(kernel.invoke("T.double", number=100))
        return sum(both) + int(third.result())

    for function in (double, outer):
        kernel.add_function(kernel_function(effect="none")(function), skill="T")
    plan = Plan.parse('<plan><function.T.outer number="1"/><function.T.double/></plan>', kernel)
    result = asyncio.run(Executor(kernel).run(plan))
    assert result.text == str(2 * (2 + 20 + 200))
    assert left[0].cancelled()


class SlowLoop(asyncio.SelectorEventLoop):
    """A loop on which functions take time by moving the clock: nothing else runs meanwhile."""

    now = 0.0

    def time(self) -> float:
        return self.now


@pytest.mark.parametrize(("seconds", "said"), [(0.3, False), (2.5, True)])
@pytest.mark.parametrize("is_async", [True, False])
def test_a_function_that_blocks_the_event_loop_is_named(
    seconds: float, said: bool, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def compute() -> str:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SlowLoop)
        if is_async:
            loop.now += seconds
        return "done"

    async def rest() -> str:
        await asyncio.sleep(0)
        return "rested"

    kernel = Kernel()
    for function in (compute, rest):
        kernel.add_function(kernel_function(effect="none")(function), skill="T")
    plan = Plan.parse("<plan><function.T.rest/><function.T.compute/><function.T.rest/></plan>", kernel)
    with asyncio.Runner(loop_factory=SlowLoop) as runner:
        runner.run(Executor(kernel).run(plan))
    told = [record.getMessage() for record in caplog.records if record.name == "planloom.planners"]
    assert len(told) == (said and is_async)
    if told:
        assert (
            "The event loop stood still for 2.0 s, and every step with it. The cause is T.compute" in told[0]
        )


def test_a_cause_of_a_standstill_is_told_once_however_many_runs_see_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def compute() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SlowLoop)
        await asyncio.sleep(0)
        loop.now += 2.5

    kernel = Kernel()
    kernel.add_function(kernel_function(effect="none")(compute), skill="T")
    plan = Plan.parse("<plan><function.T.compute/></plan>", kernel)
    executor = Executor(kernel)

    async def runs() -> None:
        await asyncio.gather(*(executor.run(plan) for _ in range(20)))

    with asyncio.Runner(loop_factory=SlowLoop) as runner:
        runner.run(runs())
    told = [record.getMessage() for record in caplog.records if record.name == "planloom.planners"]
    assert sum("The cause is T.compute" in message for message in told) == 1
    assert len(told) == len(set(told))


def test_a_step_may_run_a_plan_from_a_thread() -> None:
    kernel = Kernel()
    kernel.add_function(ok, skill="T")
    inner = Plan.parse("<plan><function.T.ok/></plan>", kernel)

    def outer() -> str:
        return Executor(kernel).run_sync(inner).text

    kernel.add_function(outer, skill="T")
    assert Executor(kernel).run_sync(Plan.parse("<plan><function.T.outer/></plan>", kernel)).text == "ok"


def test_a_function_that_returns_an_awaitable_is_awaited() -> None:
    kernel = Kernel()
    kernel.add_function(lambda: ok(), skill="T", name="lazy")
    assert Executor(kernel).run_sync(Plan.parse("<plan><function.T.lazy/></plan>", kernel)).text == "ok"


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        ('<function.T.number/><function.T.text it="${V.a}"/>', "unset-input"),
        ('<function.T.number setContextVariable="V"/><foreach item="X" in="$V"><function.T.ok/></foreach>',
         "foreach needs a list, not int"),
        ('<function.T.number setContextVariable="V"/><if condition="$V &lt; \'a\'"><function.T.ok/></if>',
         "failed: ConditionError"),
        ('<function.T.deep setContextVariable="V"/><function.T.text it="${V[0][0].x}"/>', "leads nowhere"),
        ('<function.T.order setContextVariable="V"/><if condition="$V.total > 3"><function.T.ok/></if>',
         r"\.total leads nowhere.*1 calls were done"),
        ('<function.T.order setContextVariable="V"/><foreach item="X" in="$V.a"><function.T.ok/></foreach>',
         r"\.a leads nowhere.*1 calls were done"),
        ('<function.T.order setContextVariable="V"/><result name="R" value="$V.total"/>', "leads nowhere"),
        ('<function.T.deep setContextVariable="V"/><function.T.text it="all: $V"/>', "contain itself"),
        ('<function.T.deep setContextVariable="V"/><function.T.whole it="$V"/>', "RecursionError"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_end_the_run_by_name_and_at_once(xml: str, words: str) -> None:
    async def number() -> Any:
        return 3

    async def text(it: str) -> str:
        return it

    async def deep() -> Any:
        value: list[Any] = []
        value.append(value)
        return value

    async def order() -> dict[str, Any]:
        return {"sum": 5}

    async def whole(it: Any) -> bool:
        return it[0] is not None

    began = time.thread_time()
    with pytest.raises(Exception, match=words) as caught:
        run(xml, [number, text, deep, order, whole, ok])
    assert isinstance(caught.value, StepError | PlanError), "a fault of a step, with all that was done"
    assert time.thread_time() - began < 1


# -- JSON with references inside -------------------------------------------------------------------


async def listed(items: list[Any]) -> list[Any]:
    return items


@pytest.mark.parametrize(
    ("text", "given"),
    [
        (r'["\ue0000\ue001", "$X"]', ["\ue0000\ue001", "secret"]),
        (r'["\uE0000\uE000", "$X"]', ["\ue0000\ue000", "secret"]),
        (r'["\ue0009\ue001", "$X"]', ["\ue0009\ue001", "secret"]),
        ('["\ue0000\ue000", "$X"]', ["\ue0000\ue000", "secret"]),
        (r'["\\ue000", {"a": "<$X>$X"}]', [r"\ue000", {"a": "<secret>secret"}]),
    ],
)
def test_no_literal_in_a_list_turns_into_a_reference(text: str, given: list[Any]) -> None:
    result = run(
        f"<function.T.listed><items><![CDATA[{text}]]></items></function.T.listed>", [listed], {"X": "secret"}
    )
    assert result.steps[0].value == given


@pytest.mark.parametrize("depth", [101, 600, 30_000])
def test_a_list_that_is_nested_too_deep_is_a_fault_of_the_plan(depth: int) -> None:
    text = "[" * depth + '"$X"' + "]" * depth
    with pytest.raises(PlanError, match="nested more than 100 levels deep"):
        run(f"<function.T.listed><items>{text}</items></function.T.listed>", [listed])
