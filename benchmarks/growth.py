"""What a plan costs before it runs, and from goal to result: ``python benchmarks/growth.py``.

Reading and checking by the length of a plan, and a goal of five functions with a model that answers at once,
so that all the time is planloom's. The best of many rounds, since other work on the machine only adds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise

from planloom import Kernel, kernel_function
from planloom.planners import Executor, Plan, SequentialPlanner
from planloom.planners.language.reader import read_plan
from planloom.services import ScriptedService

GOAL = "Send Ann a summary of the capital of the input: how many people live there, and the weather"
ANSWER = """\
<plan>
  <function.Travel.capital country="$INPUT" setContextVariable="CITY"/>
  <function.Travel.population city="$CITY" setContextVariable="PEOPLE"/>
  <function.Travel.weather city="$CITY" setContextVariable="WEATHER"/>
  <function.Travel.summary city="$CITY" people="$PEOPLE" weather="$WEATHER" setContextVariable="SUMMARY"/>
  <function.Travel.send message="$SUMMARY" address="ann@example.org" appendToResult="RESULT__SENT"/>
</plan>
<!-- END -->
"""
LENGTHS = (10, 100, 1_000, 5_500)


class Travel:
    """Functions that give their answer at once."""

    @kernel_function(effect="read")
    async def capital(self, country: str) -> str:
        """The capital of a country."""
        return "Paris"

    @kernel_function(effect="read")
    async def population(self, city: str) -> int:
        """How many people live in a city."""
        return 2_000_000

    @kernel_function(effect="read")
    async def weather(self, city: str) -> str:
        """The weather in a city."""
        return "sunny"

    @kernel_function(effect="none")
    async def summary(self, city: str, people: int, weather: str) -> str:
        """A few words about a city."""
        return f"{city}: {people} people, {weather}"

    @kernel_function(effect="write")
    async def send(self, message: str, address: str, subject: str = "News") -> str:
        """Send an e-mail."""
        return f"sent to {address}"

    @kernel_function(effect="write")
    async def wave(self) -> None:
        """Change something."""


def minimal(steps: int) -> str:
    """A plan of the shortest steps that there are, each a write after the one before."""
    return f"<plan>{'<function.Travel.wave/>' * steps}</plan>"


def chain(steps: int) -> str:
    """A plan whose every step takes the variable that the one before sets."""
    names = ["INPUT", *(f"R{number}" for number in range(steps))]
    pairs = pairwise(names)
    step = '<function.Travel.weather city="${}" setContextVariable="{}"/>'
    return f"<plan>{''.join(step.format(*pair) for pair in pairs)}</plan>"


def best(work: Callable[[], object], rounds: int) -> float:
    """The least seconds of ``work``."""
    return min(_timed(work) for _ in range(rounds))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


async def best_of(work: Callable[[], Awaitable[object]], rounds: int) -> float:
    """The least seconds of awaiting ``work``."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def show_growth(kernel: Kernel) -> None:
    print(f"{'plan':34} {'kB':>6} {'read, ms':>10} {'and checked, ms':>16} {'us a step':>10}")
    for name, plan_of in (("minimal steps", minimal), ("steps, each with two attributes", chain)):
        for steps in LENGTHS:
            text, rounds = plan_of(steps), max(15, 3_000 // steps)
            read = best(lambda text=text: read_plan(text), rounds)
            whole = best(lambda text=text: Plan.parse(text, kernel), rounds)
            title, size, each = f"{steps:,} {name}", len(text) / 1e3, whole / steps * 1e6
            print(f"{title:34} {size:6.0f} {read * 1e3:10.2f} {whole * 1e3:16.2f} {each:10.1f}")


async def show_goal_to_result(kernel: Kernel, service: ScriptedService) -> None:
    planner, executor = SequentialPlanner(kernel, exclude=["*.wave"]), Executor(kernel)
    inputs = {"INPUT": "France"}

    async def planned() -> Plan:
        service.requests.clear()
        return await planner.create_plan(GOAL)

    async def whole() -> None:
        await executor.run(await planned(), inputs)

    plan = await planned()
    took, planning = await best_of(whole, 2_000), await best_of(planned, 2_000)
    running = await best_of(lambda: executor.run(plan, inputs), 2_000)
    print(f"goal to result, five functions, scripted model: {took * 1e3:.2f} ms "
          f"(planning {planning * 1e3:.2f} ms; a further run {running * 1e3:.3f} ms)")  # fmt: skip


def main() -> None:
    service = ScriptedService(lambda messages, settings: ANSWER)
    kernel = Kernel(service=service)
    kernel.add_skill(Travel())
    asyncio.run(show_goal_to_result(kernel, service))
    show_growth(kernel)


if __name__ == "__main__":
    main()
