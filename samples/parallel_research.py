"""Independent steps run at once: a step starts the moment that all it needs is done. No model is needed.

Three searches of 0.3, 0.2 and 0.1 seconds and a report over them take as long as the longest search.
"""

from __future__ import annotations

import asyncio

from planloom import Kernel, kernel_function
from planloom.planners import Executor, Plan

PLAN = """
<plan>
  <function.Library.search topic="history" setContextVariable="PAST"/>
  <function.Library.search topic="prices" setContextVariable="PRICES"/>
  <function.Library.search topic="rivals" setContextVariable="RIVALS"/>
  <function.Library.report chapters='["$PAST", "$PRICES", "$RIVALS"]' appendToResult="RESULT__REPORT"/>
</plan>
"""


SECONDS = {"history": 0.3, "prices": 0.2, "rivals": 0.1}


class Library:
    """Finds and gathers facts."""

    @kernel_function(effect="read")
    async def search(self, topic: str) -> str:
        """Find what is known of a topic."""
        await asyncio.sleep(SECONDS[topic])
        return f"all about {topic}"

    @kernel_function(effect="none")
    async def report(self, chapters: list[str]) -> str:
        """Bind chapters into a report."""
        return "; ".join(chapters)


async def research(at_once: int | None = None) -> tuple[str, float]:
    """The report, and the seconds that it took with ``at_once`` steps at once at most."""
    kernel = Kernel()
    kernel.add_skill(Library())
    plan = Plan.parse(PLAN, kernel)
    clock = asyncio.get_running_loop().time
    began = clock()
    result = await Executor(kernel, max_concurrency=at_once).run(plan)
    return result.text, clock() - began


async def compare() -> None:
    report, together = await research()
    _, one_by_one = await research(at_once=1)
    print(report)
    print(f"all at once: {together:.1f} s, one by one: {one_by_one:.1f} s")


if __name__ == "__main__":
    asyncio.run(compare())
