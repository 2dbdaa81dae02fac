"""Limits on how many calls run at once and start in a span of time, on a virtual clock."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planloom import Kernel, kernel_function
from planloom.planners import (
    AskBeforeWrites,
    CallRequest,
    Executor,
    Limit,
    Plan,
    RunError,
    StepError,
    service_limit,
)
from planloom.services import ScriptedService
from virtual_time import run_virtual


class Web:
    """Notes when calls begin and how many run at once."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.running = self.most = 0

    async def _call(self, seconds: float) -> str:
        self.starts.append(round(asyncio.get_running_loop().time(), 6))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.running -= 1
        return "ok"

    @kernel_function(effect="read")
    async def get(self, seconds: float) -> str:
        return await self._call(seconds)

    @kernel_function(effect="read")
    async def head(self, seconds: float) -> str:
        return await self._call(seconds)

    @kernel_function(touches=())
    async def post(self, seconds: float) -> str:
        return await self._call(seconds)

    @kernel_function(effect="none")
    async def fail(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        raise ValueError("broken")


def web() -> tuple[Web, Kernel]:
    skill, kernel = Web(), Kernel()
    kernel.add_skill(skill)
    return skill, kernel


def loop(function: str = "get", count: int = 10) -> tuple[str, dict[str, Any]]:
    xml = f'<plan><foreach item="X" in="$L"><function.Web.{function} seconds="$X"/></foreach></plan>'
    return xml, {"L": [1] * count}


def run(xml: str, variables: Any = None, **options: Any) -> tuple[Web, float]:
    skill, kernel = web()
    _, seconds = run_virtual(Executor(kernel, **options).run(Plan.parse(xml, kernel), variables))
    return skill, seconds


@pytest.mark.parametrize(("at_once", "seconds"), [(1, 10), (2, 5), (3, 4), (10, 1), (99, 1)])
def test_no_more_calls_run_at_once_than_the_limit(at_once: int, seconds: int) -> None:
    skill, took = run(*loop(), limits={"Web.get": Limit(concurrency=at_once)})
    assert skill.most == min(at_once, 10)
    assert took == pytest.approx(seconds)


def test_no_more_calls_start_in_a_span_than_the_rate() -> None:
    skill, _ = run(*loop(), limits={"web.*": Limit(rate=3, per=2)})
    assert skill.starts == [0, 0, 0, 2, 2, 2, 4, 4, 4, 6]


def test_functions_that_fit_one_glob_share_its_limit_and_others_do_not() -> None:
    xml = '<plan><function.Web.get seconds="5"/><function.Web.head seconds="5"/></plan>'
    assert run(xml, limits={"Web.*": Limit(concurrency=1)})[1] == pytest.approx(10)
    one_each = {"Web.get": Limit(concurrency=1), "Web.head": Limit(concurrency=1)}
    assert run(xml, limits=one_each)[1] == pytest.approx(5)
    assert run(xml, limits={"Other.*": Limit(concurrency=1)})[1] == pytest.approx(5)


def test_a_limit_holds_for_all_runs_of_an_executor() -> None:
    skill, kernel = web()
    executor = Executor(kernel, limits={"*": Limit(concurrency=2)})
    xml, variables = loop(count=4)
    plan = Plan.parse(xml, kernel)

    async def main() -> None:
        await asyncio.gather(*(executor.run(plan, variables) for _ in range(5)))

    assert run_virtual(main())[1] == pytest.approx(10)
    assert skill.most == 2
    run_virtual(main())  # on another event loop


def test_limits_of_a_run_and_of_functions_hold_together() -> None:
    xml, variables = loop(count=12)
    skill, took = run(xml, variables, max_concurrency=3, limits={"Web.*": Limit(concurrency=2)})
    assert skill.most == 2
    assert took == pytest.approx(6)


def test_a_write_that_waits_for_its_turn_when_another_step_fails_never_begins() -> None:
    skill, kernel = web()
    post = '<function.Web.post seconds="9"/>'
    xml = f'<plan>{post}{post}<function.Web.fail seconds="2"/></plan>'
    executor = Executor(kernel, limits={"Web.post": Limit(concurrency=1)})

    async def main() -> RunError:
        with pytest.raises(StepError) as caught:
            await executor.run(Plan.parse(xml, kernel))
        return caught.value

    error, seconds = run_virtual(main())
    assert {record.step: record.status for record in error.done} == {
        "1": "done",
        "2": "cancelled",
        "3": "failed",
    }
    assert skill.starts == [0]
    assert seconds == pytest.approx(9)


def test_a_call_that_waits_for_a_yes_when_another_step_fails_never_begins() -> None:
    skill, kernel = web()
    asked: list[str] = []

    async def never(request: CallRequest, reason: str) -> bool:
        asked.append(request.step)
        await asyncio.sleep(1e6)
        return True

    xml = '<plan><function.Web.post seconds="9"/><function.Web.fail seconds="2"/></plan>'
    executor = Executor(kernel, policy=AskBeforeWrites(), approve=never)

    async def main() -> RunError:
        with pytest.raises(StepError) as caught:
            await executor.run(Plan.parse(xml, kernel))
        return caught.value

    error, seconds = run_virtual(main())
    assert asked == ["1"]
    assert skill.starts == []
    assert {record.step: record.status for record in error.done} == {"1": "cancelled", "2": "failed"}
    assert seconds == pytest.approx(2)


def test_places_are_given_back_when_calls_fail_or_are_cut() -> None:
    skill, kernel = web()
    executor = Executor(kernel, limits={"Web.*": Limit(concurrency=1)})
    bad = Plan.parse('<plan><function.Web.fail seconds="1"/><function.Web.get seconds="9"/></plan>', kernel)
    good = Plan.parse('<plan><function.Web.get seconds="1"/></plan>', kernel)

    async def main() -> None:
        for _ in range(3):
            with pytest.raises(StepError):
                await executor.run(bad)
        await executor.run(good)

    assert run_virtual(main())[1] == pytest.approx(4)
    assert len(skill.starts) == 1


def test_a_call_inside_a_call_that_holds_the_only_place_does_not_wait_for_itself() -> None:
    _, kernel = web()
    executor = Executor(kernel, limits={"*": Limit(concurrency=1)})
    inner = Plan.parse('<plan><function.Web.get seconds="1"/></plan>', kernel)

    async def outer() -> str:
        return (await executor.run(inner)).text

    kernel.add_function(outer, skill="T")
    result, _ = run_virtual(executor.run(Plan.parse("<plan><function.T.outer/></plan>", kernel)))
    assert result.text == "ok"


@settings(max_examples=60, deadline=None)
@given(
    seconds=st.lists(st.integers(0, 5), max_size=14),
    at_once=st.none() | st.integers(1, 4),
    rate=st.none() | st.integers(1, 4),
)
def test_both_limits_hold_whatever_calls_take(
    seconds: list[int], at_once: int | None, rate: int | None
) -> None:
    limit = Limit(at_once, rate, per=3)
    skill, _ = run(loop()[0], {"L": seconds}, limits={"*": limit})
    assert len(skill.starts) == len(seconds)
    assert skill.most <= (at_once or len(seconds))
    if rate is not None:
        spans = zip(skill.starts, skill.starts[rate:], strict=False)
        assert all(later - earlier >= 3 - 1e-6 for earlier, later in spans)
    assert all(earlier <= later for earlier, later in pairwise(skill.starts))


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"rate": -1}, {"rate": 1, "per": 0}])
def test_a_limit_that_lets_nothing_through_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        Limit(**wrong)


# -- services --------------------------------------------------------------------------------------


class Slow(ScriptedService):
    """Answers after a second."""

    running = most = 0

    async def complete(self, *asked: Any, **named: Any) -> Any:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(1)
        self.running -= 1
        return await super().complete(*asked, **named)


@pytest.mark.parametrize(("names", "most"), [((), 2), (("slow",), 2), (("other",), 6)])
def test_requests_to_a_service_keep_its_limit(names: tuple[str, ...], most: int) -> None:
    service = Slow(["answer"] * 6)
    kernel = Kernel(services={"slow": service})
    kernel.add_filter("model", service_limit(Limit(concurrency=2), *names))
    kernel.add_prompt("Say {{$input}}", skill="Writer", name="say")
    xml = '<plan><foreach item="X" in="$L"><function.Writer.say input="$X"/></foreach></plan>'
    _, seconds = run_virtual(Executor(kernel).run(Plan.parse(xml, kernel), {"L": list("abcdef")}))
    assert service.most == most
    assert seconds == pytest.approx(6 / most)
