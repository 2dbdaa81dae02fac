"""What the executor costs, beside the floor and other frameworks: ``python benchmarks/executor.py``.

All in one run. Absolute times depend on the machine and its load; read the ratios. The picture goes to
docs/images/cost.png.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peers import PACKAGES, measured
from pydantic import validate_call
from workloads import CHAIN, FAN, critical_path, layered, median_of, nap, noop

from planloom import Kernel, kernel_function
from planloom.planners import Event, Executor, Plan
from planloom.planners.language.nodes import Argument, Call, PlanTree

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "cost.png"
Steps = Sequence[tuple[str, dict[str, str], str, tuple[str, ...]]]


class Work:
    """The shared functions."""

    @kernel_function(effect="none")
    async def noop(self, text: str) -> str:
        return await noop(text)

    @kernel_function(effect="none")
    async def nap(self, seconds: float) -> float:
        return await nap(seconds)


KERNEL = Kernel()
KERNEL.add_skill(Work())


def plan_of(steps: Steps) -> Plan:
    """A plan of calls as (function, arguments, variable, what it runs after)."""
    nodes = tuple(
        Call(f"Work.{name}", tuple(Argument(key, text) for key, text in arguments.items()), sets, None, after)
        for name, arguments, sets, after in steps
    )
    return Plan(PlanTree(nodes), KERNEL.functions)


def chain_plan(length: int) -> Plan:
    return plan_of([("noop", {"text": f"$R{n - 1}" if n else "$INPUT"}, f"R{n}", ()) for n in range(length)])


def fan_plan() -> Plan:
    naps = [("nap", {"seconds": "0.01"}, f"R{n}", ()) for n in range(FAN)]
    return plan_of([*naps, ("noop", {"text": " ".join(f"$R{n}" for n in range(FAN))}, "JOIN", ())])


def layered_plan() -> Plan:
    return plan_of(
        [("nap", {"seconds": str(s)}, name, (parent,) if parent else ()) for name, parent, s in layered()]
    )


def five_plan() -> Plan:
    return plan_of([("nap", {"seconds": "0.001"}, f"R{n}", (f"R{n - 1}",) if n else ()) for n in range(5)])


async def floor() -> dict[str, Any]:
    """What plain asyncio takes."""
    checked = validate_call(noop)

    async def chain() -> None:
        for _ in range(CHAIN):
            await noop("x")

    async def checked_chain() -> None:
        for _ in range(CHAIN):
            await checked("x")

    async def task_chain() -> None:
        for _ in range(CHAIN):
            await asyncio.create_task(noop("x"))

    async def fan() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(FAN):
                group.create_task(nap(0.01))

    async def five() -> None:
        for _ in range(5):
            await nap(0.001)

    async def thousand() -> None:
        await asyncio.gather(*(five() for _ in range(1000)))

    return {
        "what": "plain asyncio",
        "chain": await median_of(chain, 50) / CHAIN,
        "checked": await median_of(checked_chain, 50) / CHAIN,
        "task": await median_of(task_chain, 50) / CHAIN,
        "fan": await median_of(fan, 30),
        "layered": critical_path(),
        "thousand": await median_of(thousand, 5),
    }


async def planloom() -> dict[str, Any]:
    """What plans take, with arguments checked and events on."""
    seen: list[Event] = []
    executor = Executor(KERNEL, listeners=[seen.append])
    quiet = Executor(KERNEL)

    async def run(plan: Plan) -> None:
        seen.clear()
        await executor.run(plan, {"INPUT": "x"})

    chain, fan, graph, five = chain_plan(CHAIN), fan_plan(), layered_plan(), five_plan()

    async def thousand() -> None:
        await asyncio.gather(*(quiet.run(five, {"INPUT": "x"}) for _ in range(1000)))

    return {
        "what": "planloom Executor",
        "chain": await median_of(lambda: run(chain), 50) / CHAIN,
        "fan": await median_of(lambda: run(fan), 30),
        "layered": await median_of(lambda: run(graph)),
        "thousand": await median_of(thousand, 5),
    }


async def growth() -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """Seconds per step by the length of a plan, and seconds per plan by plans in flight."""
    executor = Executor(KERNEL)
    steps, plans = [], []
    for length in (10, 100, 1_000, 10_000):
        plan = chain_plan(length)
        taken = await median_of(lambda plan=plan: executor.run(plan, {"INPUT": "x"}), max(3, 2000 // length))
        steps.append((length, taken / length))
    five = five_plan()
    for count in (1, 10, 100, 1_000, 10_000):
        began = time.perf_counter()
        await asyncio.gather(*(executor.run(five, {"INPUT": "x"}) for _ in range(count)))
        plans.append((count, (time.perf_counter() - began) / count))
    return steps, plans


def show(rows: list[dict[str, Any]], base: dict[str, Any]) -> None:
    print(f"{'':58} {'chain, us/step':>16} {'fan100, ms':>14} {'layered, x cp':>14} {'1,000 plans, s':>16}")
    for row in rows:
        cells = [
            ratio(row.get("chain"), base["chain"], 1e6),
            ratio(row.get("fan"), base["fan"], 1e3),
            f"{row['layered'] / base['layered']:.2f}" if "layered" in row else "-",
            ratio(row.get("thousand"), base["thousand"], 1),
        ]
        print(f"{row['what']:58} {cells[0]:>16} {cells[1]:>14} {cells[2]:>14} {cells[3]:>16}")
    print(f"\nfloors per step: bare await {base['chain'] * 1e6:.3f} us, pydantic validate_call "
          f"{base['checked'] * 1e6:.2f} us, a task per step {base['task'] * 1e6:.2f} us")  # fmt: skip


def ratio(value: float | None, base: float, unit: float) -> str:
    return "-" if value is None else f"{value * unit:.3g} ({value / base:.3g}x)"


def draw(steps: list[tuple[int, float]], plans: list[tuple[int, float]]) -> None:
    """The two growth curves as a picture."""
    try:
        from matplotlib import pyplot
    except ImportError:
        print("no picture: pip install matplotlib", file=sys.stderr)
        return
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2))
    left.plot([n for n, _ in steps], [s * 1e6 for _, s in steps], marker="o")
    left.set(xscale="log", xlabel="steps in a plan", ylabel="µs a step", ylim=(0, None), title="one plan")
    right.plot([n for n, _ in plans], [s * 1e6 for _, s in plans], marker="o", color="tab:orange")
    right.set(xscale="log", yscale="log", xlabel="plans in flight", ylabel="µs a plan")
    right.set_title("plans of five 1 ms steps")
    figure.tight_layout()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=120)


async def main() -> None:
    base = await floor()
    rows = [base, await planloom(), *(found for peer in PACKAGES if (found := measured(peer)))]
    show(rows, base)
    steps, plans = await growth()
    print("us per step:", ", ".join(f"{n:,} steps {s * 1e6:.2f}" for n, s in steps))
    print("us per plan:", ", ".join(f"{n:,} in flight {s * 1e6:.0f}" for n, s in plans))
    draw(steps, plans)


if __name__ == "__main__":
    asyncio.run(main())
