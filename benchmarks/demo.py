"""From goal to result on the embedded model, split into model and framework: ``python benchmarks/demo.py``.

The goal of ``make demo``, five times. The model's time is what passes inside its service; the first plan also
reads the functions' texts, which later ones find evaluated.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from planloom import Kernel
from planloom.planners import Executor, SequentialPlanner
from planloom.services import LlamaService

sys.path.insert(0, str(Path(__file__).parent.parent / "samples"))
from my_skills import Emailer, Names, StringFunctions

GOAL = "Send the input as an email to Steven and make sure I use his preferred name in the email"
INPUTS = {"INPUT": "Hello Steven, the new release is out.", "subject": "Release"}


class TimedLlama(LlamaService):
    """Adds up the seconds that the model takes."""

    seconds = 0.0

    async def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        began = time.perf_counter()
        try:
            return await super().score(prompt, continuations)
        finally:
            self.seconds += time.perf_counter() - began


async def main() -> None:
    service = TimedLlama()
    began = time.perf_counter()
    await service.load()
    print(f"loading the model {time.perf_counter() - began:.2f} s")
    kernel = Kernel(service=service)
    for skill in (Names(), StringFunctions(), Emailer()):
        kernel.add_skill(skill)
    print(f"{'':8} {'model, s':>10} {'planner, s':>12} {'run, ms':>10}")
    for number in range(1, 6):
        service.seconds = 0.0
        began = time.perf_counter()
        planner = SequentialPlanner(kernel, strategy="choices")
        plan = await planner.create_plan(GOAL, inputs=list(INPUTS))
        planned = time.perf_counter()
        await Executor(kernel).run(plan, INPUTS)
        ran = time.perf_counter()
        rest = planned - began - service.seconds
        print(f"plan {number:3} {service.seconds:10.2f} {rest:12.3f} {(ran - planned) * 1e3:10.2f}")


if __name__ == "__main__":
    asyncio.run(main())
