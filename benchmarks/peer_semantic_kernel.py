"""semantic-kernel on the shared work; run by its own Python, prints one line of JSON."""

from __future__ import annotations

import asyncio
import json
import time

began = time.perf_counter()
from semantic_kernel import Kernel  # noqa: E402 - its import is what is timed
from semantic_kernel.functions import KernelArguments, kernel_function  # noqa: E402

IMPORT = time.perf_counter() - began

from workloads import CHAIN, FAN, median_of, nap, noop  # noqa: E402


class Work:
    @kernel_function
    async def noop(self, text: str) -> str:
        return await noop(text)

    @kernel_function
    async def nap(self, seconds: float) -> float:
        return await nap(seconds)


async def main() -> None:
    kernel = Kernel()
    plugin = kernel.add_plugin(Work(), "Work")

    async def chain() -> None:
        for _ in range(CHAIN):
            await kernel.invoke(plugin["noop"], KernelArguments(text="x"))

    async def fan() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(FAN):
                group.create_task(kernel.invoke(plugin["nap"], KernelArguments(seconds=0.01)))

    async def five() -> None:
        for _ in range(5):
            await kernel.invoke(plugin["nap"], KernelArguments(seconds=0.001))

    async def thousand() -> None:
        await asyncio.gather(*(five() for _ in range(1000)))

    found = {
        "what": "semantic-kernel kernel.invoke (no plan: a loop by hand)",
        "chain": await median_of(chain) / CHAIN,
        "fan": await median_of(fan),
        "thousand": await median_of(thousand, 3),
        "import": IMPORT,
    }
    print(json.dumps(found))


asyncio.run(main())
