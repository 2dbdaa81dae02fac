"""Running plans: failures, retries, timeouts, cancellation, questions and events, on a virtual clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from planloom import Kernel, kernel_function
from planloom.errors import FunctionError, FunctionTimeoutError
from planloom.planners import (
    AskError,
    Event,
    Executor,
    Plan,
    PlanError,
    PlanFinished,
    RunCancelled,
    RunError,
    RunResult,
    RunTimeoutError,
    StepError,
    StepFailed,
    StepFinished,
    StepStarted,
)
from virtual_time import run_virtual


class Boom(Exception):
    pass


class World:
    """Functions that take time: what they did, and what was cut short."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.tries = 0

    async def _act(self, name: str, seconds: float) -> str:
        self.log.append(f"{name} begins")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.log.append(f"{name} cut")
            raise
        self.log.append(f"{name} ends")
        return name

    @kernel_function(effect="read")
    async def look(self, name: str, seconds: float = 1) -> str:
        return await self._act(name, seconds)

    @kernel_function(touches=("a",))
    async def write_a(self, name: str, seconds: float = 1) -> str:
        return await self._act(name, seconds)

    @kernel_function(touches=("b",))
    async def write_b(self, name: str, seconds: float = 1) -> str:
        return await self._act(name, seconds)

    @kernel_function(effect="none")
    async def fail(self, seconds: float = 0) -> str:
        await asyncio.sleep(seconds)
        raise Boom("it broke")

    @kernel_function(effect="none", retries=3)
    async def shaky(self, good_at: int) -> int:
        self.tries += 1
        if self.tries < good_at:
            raise Boom(f"try {self.tries}")
        return self.tries

    @kernel_function(effect="none", timeout=5)
    async def slow(self, seconds: float) -> str:
        return await self._act("slow", seconds)

    @kernel_function(touches=("c",))
    async def stubborn(self, seconds: float) -> str:
        """Does not heed being cancelled."""
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            try:
                await asyncio.sleep(left)
            except asyncio.CancelledError:
                self.log.append("ignored")
        return "at last"


Steps = Callable[[asyncio.Task[Any]], Awaitable[None]]


def run(
    xml: str,
    variables: Mapping[str, Any] | None = None,
    *,
    meanwhile: Steps | None = None,
    **options: Any,
) -> tuple[World, list[Event], RunResult | BaseException, float]:
    """Everything that came of a run, and the seconds that it took."""
    world, kernel, events = World(), Kernel(), list[Event]()
    kernel.add_skill(world)
    executor = Executor(kernel, listeners=[events.append], **options)
    plan = Plan.parse(f"<plan>{xml}</plan>", kernel)

    async def main() -> RunResult | BaseException:
        task = asyncio.ensure_future(executor.run(plan, variables))
        if meanwhile is not None:
            await meanwhile(task)
        return (await asyncio.gather(task, return_exceptions=True))[0]

    outcome, seconds = run_virtual(main())
    return world, events, outcome, seconds


def statuses(outcome: Any) -> dict[str, str]:
    assert isinstance(outcome, RunError)
    return {record.step: record.status for record in outcome.done}


# -- failure ---------------------------------------------------------------------------------------


def test_a_failure_starts_nothing_new_cuts_reads_and_lets_writes_finish() -> None:
    xml = """
      <function.World.look name="read" seconds="9"/>
      <function.World.write_a name="write" seconds="5"/>
      <function.World.fail seconds="2"/>
      <function.World.write_a name="later"/>
    """
    world, events, error, seconds = run(xml)
    assert isinstance(error, StepError)
    assert (error.step, error.name, error.arguments) == ("3", "World.fail", {"seconds": 2})
    assert isinstance(error.__cause__, Boom)
    assert statuses(error) == {"1": "cancelled", "2": "done", "3": "failed"}
    assert world.log == ["read begins", "write begins", "read cut", "write ends"]
    assert seconds == pytest.approx(5)
    assert "Boom: it broke. 1 calls were done before; cut short: 1 (World.look)" in str(error)
    assert isinstance(events[-1], PlanFinished)
    assert events[-1].status == "failed"
    assert events[-1].error is error


def test_a_write_that_has_not_begun_when_another_step_fails_never_begins() -> None:
    xml = '<function.World.fail/><function.World.write_a name="x"/>'

    class FailsAtOnce:
        def run(self, call: Any) -> Awaitable[Any]:
            raise Boom("before anything")

    world, _, error, _ = run(xml, runner=FailsAtOnce())
    assert isinstance(error, StepError)
    assert world.log == []


def test_the_first_failure_is_told_and_later_ones_are_recorded() -> None:
    xml = """
      <function.World.fail seconds="1"/>
      <function.World.write_a name="w" seconds="3" after="X"/>
      <function.World.look name="l" seconds="0" setContextVariable="X"/>
    """
    _, events, error, _ = run(xml)
    assert isinstance(error, StepError)
    assert error.step == "1"
    assert sum(isinstance(event, StepFailed) for event in events) == 1


@pytest.mark.parametrize(("good_at", "seconds"), [(1, 0), (2, 0.1), (3, 0.3), (4, 0.7)])
def test_a_step_is_tried_again_as_often_as_its_function_says(good_at: int, seconds: float) -> None:
    world, _, result, took = run(f'<function.World.shaky good_at="{good_at}"/>')
    assert isinstance(result, RunResult)
    assert result.text == str(good_at) == str(world.tries)
    assert took == pytest.approx(seconds)


def test_after_its_last_try_a_step_fails_with_the_last_error() -> None:
    world, _, error, _ = run('<function.World.shaky good_at="9"/>')
    assert isinstance(error, StepError)
    assert str(error.__cause__) == "try 4"
    assert world.tries == 4


# -- timeouts --------------------------------------------------------------------------------------


def test_a_step_that_takes_too_long_is_cut() -> None:
    world, _, error, seconds = run('<function.World.slow seconds="99"/>')
    assert isinstance(error, StepError)
    assert isinstance(error.__cause__, FunctionTimeoutError)
    assert "World.slow took longer than 5 s" in str(error)
    assert "cannot be interrupted" not in str(error)
    assert world.log == ["slow begins", "slow cut"]
    assert seconds == pytest.approx(5)


def test_a_run_that_takes_too_long_stops_as_a_failure_does() -> None:
    xml = '<function.World.look name="r" seconds="99"/><function.World.write_a name="w" seconds="7"/>'
    _, _, error, seconds = run(xml, timeout=5)
    assert isinstance(error, RunTimeoutError)
    assert "the run took longer than 5 s; 1 calls were done before; cut short: 1 (World.look)" in str(error)
    assert statuses(error) == {"1": "cancelled", "2": "done"}
    assert seconds == pytest.approx(7)


def test_a_write_that_hangs_is_cut_when_the_grace_is_over() -> None:
    world, events, error, seconds = run(
        '<function.World.write_a name="w" seconds="1e9"/>', timeout=5, grace=10
    )
    assert isinstance(error, RunTimeoutError)
    assert statuses(error) == {"1": "cancelled"}
    assert world.log == ["w begins", "w cut"]
    assert seconds == pytest.approx(15)
    assert isinstance(events[-1], PlanFinished)


def test_a_step_that_does_not_heed_cancellation_is_left_behind_and_said_to_run() -> None:
    xml = '<function.World.stubborn seconds="100"/>'
    world, events, error, _ = run(xml, timeout=5, grace=10)
    assert isinstance(error, RunTimeoutError)
    assert statuses(error) == {"1": "still-running"}
    assert "still running, since they cannot be interrupted: 1 (World.stubborn)" in str(error)
    assert isinstance(events[-1], PlanFinished)
    assert "ignored" in world.log


def test_a_failed_run_waits_for_a_write_as_long_as_it_takes() -> None:
    xml = '<function.World.write_a name="w" seconds="1e6"/><function.World.fail/>'
    _, _, error, seconds = run(xml, grace=1)
    assert statuses(error) == {"1": "done", "2": "failed"}
    assert seconds == pytest.approx(1e6)


# -- cancellation ----------------------------------------------------------------------------------


async def cancel_at_two(task: asyncio.Task[Any]) -> None:
    await asyncio.sleep(2)
    task.cancel()


async def cancel_twice(task: asyncio.Task[Any]) -> None:
    await cancel_at_two(task)
    await asyncio.sleep(1)
    task.cancel()


TWO = '<function.World.look name="r" seconds="9"/><function.World.write_a name="w" seconds="6"/>'


def test_cancelling_the_task_of_a_run_lets_its_writes_finish() -> None:
    world, events, error, seconds = run(TWO, meanwhile=cancel_at_two)
    assert isinstance(error, asyncio.CancelledError)
    assert world.log == ["r begins", "w begins", "r cut", "w ends"]
    assert seconds == pytest.approx(6)
    assert isinstance(events[-1], PlanFinished)
    assert events[-1].status == "cancelled"


def test_cancelling_twice_does_not_wait() -> None:
    world, _, error, seconds = run(TWO, meanwhile=cancel_twice)
    assert isinstance(error, asyncio.CancelledError)
    assert world.log[-1] == "w cut"
    assert seconds == pytest.approx(3)


def test_a_run_can_be_cancelled_by_name() -> None:
    world, kernel = World(), Kernel()
    kernel.add_skill(world)
    run = Executor(kernel).start(Plan.parse(f"<plan>{TWO}</plan>", kernel))

    async def main() -> None:
        asyncio.get_running_loop().call_later(2, run.cancel)
        await run.go()

    with pytest.raises(RunCancelled, match="the run was cancelled; 1 calls were done before") as caught:
        run_virtual(main())
    assert statuses(caught.value) == {"1": "cancelled", "2": "done"}


def test_a_function_that_cancels_itself_is_a_step_that_failed() -> None:
    async def give_up() -> None:
        raise asyncio.CancelledError

    kernel = Kernel()
    kernel.add_function(give_up, skill="T")
    with pytest.raises(StepError) as caught:
        Executor(kernel).run_sync(Plan.parse("<plan><function.T.give_up/></plan>", kernel))
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)


def test_leaving_a_stream_early_cancels_the_run() -> None:
    world, kernel = World(), Kernel()
    kernel.add_skill(world)
    plan = Plan.parse(f"<plan>{TWO}</plan>", kernel)

    async def main() -> None:
        events = Executor(kernel).stream(plan)
        async for _ in events:
            if len(world.log) == 2:
                break
            await asyncio.sleep(0)
        await events.aclose()  # type: ignore[attr-defined]  # it is a generator

    run_virtual(main())
    assert world.log == ["r begins", "w begins", "r cut", "w ends"]


# -- threads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", ["read", "write"])
def test_a_sync_function_that_cannot_be_interrupted_is_said_to_be_running(effect: Any) -> None:
    release, entered = threading.Event(), threading.Event()
    calls: list[int] = []

    @kernel_function(effect=effect, timeout=0.05, retries=2)
    def stuck() -> str:
        calls.append(1)
        entered.set()
        release.wait(30)
        return "done"

    kernel = Kernel()
    kernel.add_function(stuck, skill="T")
    plan = Plan.parse("<plan><function.T.stuck/></plan>", kernel)

    async def main() -> StepError:
        try:
            await Executor(kernel).run(plan)
        except StepError as error:
            return error
        finally:
            release.set()
        raise AssertionError

    error = asyncio.run(main())
    assert entered.is_set()
    assert statuses(error) == {"1": "still-running"}
    assert "it cannot be interrupted and is still running in its thread" in str(error)
    # a write is not tried again while the first try may yet happen
    assert len(calls) == (1 if effect == "write" else 3)


def test_a_sync_read_that_is_cut_off_is_said_to_be_running() -> None:
    release, entered = threading.Event(), threading.Event()

    @kernel_function(effect="read")
    def stuck() -> str:
        entered.set()
        release.wait(30)
        return "done"

    @kernel_function(effect="none")
    def fail() -> str:
        entered.wait(30)
        raise Boom("now")

    kernel = Kernel()
    for function in (stuck, fail):
        kernel.add_function(function, skill="T")
    plan = Plan.parse("<plan><function.T.stuck/><function.T.fail/></plan>", kernel)

    async def main() -> None:
        try:
            await Executor(kernel).run(plan)
        finally:
            release.set()

    with pytest.raises(
        StepError, match=r"still running, since they cannot be interrupted: 1 \(T.stuck\)"
    ) as found:
        asyncio.run(main())
    assert statuses(found.value) == {"1": "still-running", "2": "failed"}


# -- questions and inputs --------------------------------------------------------------------------

ASKS = '<ask setContextVariable="CITY" question="Which ${INPUT}?"/><function.World.look name="$CITY"/>'


def test_a_question_is_asked_when_the_run_reaches_it() -> None:
    asked: list[tuple[str, str]] = []

    async def answer(question: str, variable: str) -> str:
        asked.append((question, variable))
        return "Prague"

    _, events, result, _ = run(ASKS, {"INPUT": "city"}, ask=answer)
    assert isinstance(result, RunResult)
    assert result.variables["CITY"] == result.text == "Prague"
    assert asked == [("Which city?", "CITY")]
    assert [type(event) for event in events[1:3]] == [StepStarted, StepFinished]


def test_a_question_that_an_input_answers_is_not_asked() -> None:
    _, _, result, _ = run(ASKS, {"INPUT": "city", "city": "Brno"})
    assert isinstance(result, RunResult)
    assert result.text == "Brno"


def test_with_nobody_to_ask_the_run_does_not_begin() -> None:
    world, events, error, _ = run(ASKS, {"INPUT": "city"})
    assert isinstance(error, AskError)
    assert "the plan asks for $CITY and nobody answers" in str(error)
    assert (world.log, events) == ([], [])


def test_without_an_input_the_run_does_not_begin() -> None:
    world, events, error, _ = run('<function.World.write_a name="x"/><function.World.look name="$WHO"/>')
    assert isinstance(error, PlanError)
    assert [found.code for found in error.errors] == ["unset-input"]
    assert (world.log, events) == ([], [])


# -- events ----------------------------------------------------------------------------------------


def test_a_listener_that_fails_stops_the_run_and_its_error_comes_out() -> None:
    world, kernel = World(), Kernel()
    kernel.add_skill(world)

    def listen(event: Event) -> None:
        if isinstance(event, StepFinished):
            raise Boom("the listener")

    plan = Plan.parse('<plan><function.World.look name="a"/><function.World.look/></plan>', kernel)
    with pytest.raises(Boom, match="the listener"):
        run_virtual(Executor(kernel, listeners=[listen]).run(plan))
    assert world.log == ["a begins", "a ends"]


def test_every_start_has_an_end_and_the_plan_finishes_last() -> None:
    xml = '<foreach item="X" in="$L"><function.World.look name="$X" seconds="$X"/></foreach>'
    _, events, result, _ = run(xml, {"L": [3, 1, 2]}, max_concurrency=2)
    assert isinstance(result, RunResult)
    told = [(event.kind, getattr(event, "step", "")) for event in events]
    assert told == [
        ("plan-started", ""),
        ("step-started", "1[0]"),
        ("step-started", "1[1]"),
        ("step-finished", "1[1]"),
        ("step-started", "1[2]"),
        ("step-finished", "1[0]"),
        ("step-finished", "1[2]"),
        ("plan-finished", ""),
    ]


@pytest.mark.parametrize("number", [0, -1])
def test_no_concurrency_at_all_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="max_concurrency must be 1 or more"):
        Executor(Kernel(), max_concurrency=number)


def test_a_plan_that_runs_itself_without_end_is_stopped() -> None:
    kernel = Kernel()
    plans: list[Plan] = []

    async def again() -> str:
        return (await Executor(kernel).run(plans[0])).text

    kernel.add_function(again, skill="T")
    plans.append(Plan.parse("<plan><function.T.again/></plan>", kernel))
    with pytest.raises(StepError, match="plans run inside each other more than 32 deep"):
        asyncio.run(Executor(kernel).run(plans[0]))


def test_a_function_that_calls_itself_without_end_is_stopped() -> None:
    kernel = Kernel()

    async def again() -> Any:
        return await kernel.invoke("T.again")

    kernel.add_function(again, skill="T")
    with pytest.raises(StepError) as caught:
        asyncio.run(Executor(kernel).run(Plan.parse("<plan><function.T.again/></plan>", kernel)))
    assert isinstance(caught.value.__cause__, FunctionError)
