"""Large plans, long loops, deep nesting: right, with memory in proportion; the same events every time."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from planloom import Kernel, kernel_function
from planloom.planners import Event, Executor, Plan, RunError
from planloom.planners.language.nodes import PlanTree
from test_soundness import GIVEN, World, durations, kernel_over, plans
from virtual_time import run_virtual


class Counter:
    def __init__(self) -> None:
        self.running = self.most = self.total = 0
        self.order: list[int] = []

    @kernel_function(effect="none")
    async def add(self, number: int, other: int = 1) -> int:
        return number + other

    @kernel_function(effect="read")
    async def slow(self, number: int) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(number % 7)
        self.running -= 1
        return number

    @kernel_function
    async def note(self, number: int) -> int:
        await asyncio.sleep((number * 31) % 3)
        self.order.append(number)
        return number


def counter() -> tuple[Counter, Kernel]:
    skill, kernel = Counter(), Kernel()
    kernel.add_skill(skill)
    return skill, kernel


def chain(steps: int) -> str:
    body = "".join(
        f'<function.Counter.add number="$V{n}" other="1" setContextVariable="V{n + 1}"/>'
        for n in range(steps)
    )
    return f"<plan>{body}</plan>"


def test_a_plan_of_ten_thousand_steps() -> None:
    _, kernel = counter()
    result = asyncio.run(Executor(kernel).run(Plan.parse(chain(10_000), kernel), {"V0": 0}))
    assert result.text == "10000"
    assert len(result.steps) == 10_000


def test_a_loop_over_ten_thousand_elements_keeps_the_limit() -> None:
    skill, kernel = counter()
    xml = (
        '<plan><foreach item="X" in="$L"><function.Counter.slow number="$X" setContextVariable="Y"/>'
        '<if condition="$Y &gt; 9989"><function.Counter.add number="$Y" other="$Y" appendToResult="R"/></if>'
        "</foreach></plan>"
    )
    plan = Plan.parse(xml, kernel)
    result, seconds = run_virtual(Executor(kernel, max_concurrency=50).run(plan, {"L": list(range(10_000))}))
    assert skill.most == 50
    assert result.variables["Y"] == list(range(10_000))
    assert result.results == {"R": [2 * n for n in range(9990, 10_000)]}
    assert seconds == pytest.approx(sum(n % 7 for n in range(10_000)) / 50, rel=0.02)


def test_writes_in_a_long_loop_keep_the_order_of_its_elements() -> None:
    skill, kernel = counter()
    xml = '<plan><foreach item="X" in="$L"><function.Counter.note number="$X"/></foreach></plan>'
    run_virtual(Executor(kernel).run(Plan.parse(xml, kernel), {"L": list(range(2000))}))
    assert skill.order == list(range(2000))


NOTE = '<function.Counter.note number="1"/>'
LOOK = '<function.Counter.slow number="1"/>'


@pytest.mark.parametrize(
    "xml",
    [
        '<if condition="true">' * 30 + NOTE + "</if>" * 30,
        '<foreach item="X" in="$L"><if condition="true">' * 15 + NOTE + "</if></foreach>" * 15,
        (f'<foreach item="X" in="$L">{LOOK}</foreach>' * 3 + f'<foreach item="X" in="$L">{NOTE}</foreach>')
        * 300,
    ],
    ids=["conditions", "both", "loops in a row"],
)
def test_checking_takes_no_more_than_the_plan_is_long(xml: str) -> None:
    _, kernel = counter()
    plan = Plan.parse(
        f"<plan>{xml}</plan>", kernel
    )  # with work that doubles at each level it would never end
    result, _ = run_virtual(Executor(kernel).run(plan, {"L": [1]}))
    assert len(result.steps) == len(plan.steps)


@pytest.mark.parametrize("kind", ["foreach", "if"])
def test_the_deepest_nesting_that_the_language_allows_runs(kind: str) -> None:
    _, kernel = counter()
    opening, closing = {
        "foreach": ('<foreach item="X{n}" in="$L">', "</foreach>"),
        "if": ('<if condition="true">', "</if>"),
    }[kind]
    depth = 30
    inside = '<function.Counter.add number="1" setContextVariable="V"/>'
    xml = "".join(opening.format(n=n) for n in range(depth)) + inside + closing * depth
    result = asyncio.run(Executor(kernel).run(Plan.parse(f"<plan>{xml}</plan>", kernel), {"L": ["a"]}))
    value = result.variables["V"]
    while isinstance(value, list):
        (value,) = value
    assert value == 2


def test_conditions_in_loops_in_conditions() -> None:
    _, kernel = counter()
    xml = """
    <plan>
      <if condition="$GO">
        <foreach item="ROW" in="$ROWS">
          <if condition="$ROW.n &gt; 1">
            <foreach item="X" in="$ROW.xs">
              <if condition="$X != 3">
                <function.Counter.add number="$X" other="$ROW.n" appendToResult="R"/>
              </if>
              <else><function.Counter.note number="$X" setContextVariable="NOTED"/></else>
            </foreach>
          </if>
        </foreach>
      </if>
    </plan>
    """
    rows = [{"n": n, "xs": [1, 2, 3]} for n in range(4)]
    plan = Plan.parse(xml, kernel)
    result, _ = run_virtual(Executor(kernel).run(plan, {"GO": True, "ROWS": rows}))
    assert result.results == {"R": [3, 4, 4, 5]}
    nothing, _ = run_virtual(Executor(kernel).run(plan, {"GO": False, "ROWS": rows}))
    assert nothing.steps == ()


# -- memory ----------------------------------------------------------------------------------------


def peak(plan: Plan, kernel: Kernel, variables: Any) -> int:
    async def main() -> int:
        tracemalloc.start()
        try:
            await Executor(kernel).run(plan, variables)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return asyncio.run(main())


LOOP = '<plan><foreach item="X" in="$L"><function.Counter.add number="$X" other="1"/></foreach></plan>'


@pytest.mark.parametrize("kind", ["chain", "loop"])
def test_memory_grows_in_proportion_to_the_work(kind: str) -> None:
    _, kernel = counter()
    peaks = []
    for size in (400, 4000):
        plan = Plan.parse(chain(size) if kind == "chain" else LOOP, kernel)
        variables = {"V0": 0} if kind == "chain" else {"L": list(range(size))}
        peak(plan, kernel, variables)  # what is made once
        peaks.append(peak(plan, kernel, variables))
    assert peaks[1] < 13 * peaks[0]
    assert peaks[1] / 4000 < 6000


# -- determinism -----------------------------------------------------------------------------------


def event_log(tree: PlanTree, pauses: list[int], limit: int | None) -> str:
    """Every event of a run as JSON, times and errors included."""
    lines: list[str] = []

    def note(event: Event) -> None:
        lines.append(json.dumps([event.kind, event._asdict()], default=repr, sort_keys=True))

    kernel = kernel_over(World(), pauses)
    try:
        run_virtual(
            Executor(kernel, max_concurrency=limit, listeners=[note]).run(Plan(tree, kernel.functions), GIVEN)
        )
    except RunError as error:
        lines.append(str(error))
    return "\n".join(lines)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=plans(may_fail=True), pauses=durations)
def test_the_same_results_in_the_same_order_give_the_same_events_byte_for_byte(
    tree: PlanTree, pauses: list[int]
) -> None:
    for limit in (None, 2):
        assert event_log(tree, pauses, limit) == event_log(tree, pauses, limit)


PROCESS = """
import sys
sys.path[:0] = sys.argv[1:2]
from planloom.planners.language.reader import read_plan
from test_executor_scale import WIDE, event_log
print(event_log(read_plan(WIDE).tree, [3, 1, 4, 1, 5, 9, 2, 6], None))
"""

WIDE = (
    "<plan>"
    + "".join(f'<function.T.pure value="$INPUT" tag="p{n}" setContextVariable="V{n}"/>' for n in range(12))
    + "".join(f'<function.T.read_a value="$V{n}" tag="r{n}"/>' for n in range(12))
    + '<foreach item="E" in="$GIVEN"><function.T.write_b value="$E" tag="w"/></foreach>'
    + '<function.T.write_c value="$V1" tag="bad!"/></plan>'
)


def test_the_events_are_the_same_in_every_process_whatever_its_hash_seed() -> None:
    logs = {
        subprocess.run(
            [sys.executable, "-c", PROCESS, str(Path(__file__).parent)],
            env={"PYTHONHASHSEED": seed, "PATH": "", "SYSTEMROOT": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2", "3")
    }
    assert len(logs) == 1
    assert "Boom" in logs.pop()
