"""apache-hamilton's asynchronous driver on the shared work; run by its own Python, prints one JSON line."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import time
import types
from typing import Any

began = time.perf_counter()
from hamilton import async_driver  # noqa: E402 - its import is what is timed

IMPORT = time.perf_counter() - began

from workloads import CHAIN, FAN, layered, median_of, nap  # noqa: E402


def node(name: str, parents: list[str], seconds: float) -> Any:
    """A function called ``name`` whose parameters are its parents, as hamilton reads graphs."""

    async def work(**values: Any) -> Any:
        return await nap(seconds) if seconds else "x"

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(parent, kind, annotation=object) for parent in parents]
    work.__name__ = work.__qualname__ = name
    work.__signature__ = inspect.Signature(parameters, return_annotation=object)  # type: ignore[attr-defined]
    work.__annotations__ = dict.fromkeys([*parents, "return"], object)
    return work


async def driver(nodes: list[tuple[str, list[str], float]]) -> Any:
    module = types.ModuleType(f"graph_of_{nodes[0][0]}")
    sys.modules[module.__name__] = module  # hamilton looks for each function's module there
    for name, parents, seconds in nodes:
        function = node(name, parents, seconds)
        function.__module__ = module.__name__
        setattr(module, name, function)
    return await async_driver.Builder().with_modules(module).build()


async def main() -> None:
    chain_nodes = [(f"s{n}", [f"s{n - 1}"] if n else [], 0.0) for n in range(CHAIN)]
    fan_nodes = [(f"f{n}", [], 0.01) for n in range(FAN)]
    layer_nodes = [(name, [parent] if parent else [], seconds) for name, parent, seconds in layered()]
    five_nodes = [(f"v{n}", [f"v{n - 1}"] if n else [], 0.001) for n in range(5)]
    chain, fan = (
        await driver(chain_nodes),
        await driver([*fan_nodes, ("join", [f[0] for f in fan_nodes], 0.0)]),
    )
    graph, five = await driver(layer_nodes), await driver(five_nodes)
    last = [name for name, _, _ in layered()]

    async def thousand() -> None:
        await asyncio.gather(*(five.execute(["v4"]) for _ in range(1000)))

    found = {
        "what": "hamilton AsyncDriver",
        "chain": await median_of(lambda: chain.execute([f"s{CHAIN - 1}"])) / CHAIN,
        "fan": await median_of(lambda: fan.execute(["join"])),
        "layered": await median_of(lambda: graph.execute(last)),
        "thousand": await median_of(thousand, 3),
        "import": IMPORT,
    }
    print(json.dumps(found))


asyncio.run(main())
