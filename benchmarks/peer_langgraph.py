"""langgraph's StateGraph on the shared work; run by its own Python, prints one line of JSON."""

from __future__ import annotations

import asyncio
import json
import operator
import time
from typing import Annotated, Any, TypedDict

began = time.perf_counter()
from langgraph.graph import END, START, StateGraph  # noqa: E402 - its import is what is timed

IMPORT = time.perf_counter() - began

from workloads import CHAIN, FAN, layered, median_of, nap  # noqa: E402


class State(TypedDict):
    seen: Annotated[list[str], operator.add]


def node(seconds: float) -> Any:
    async def work(state: State) -> dict[str, list[str]]:
        if seconds:
            await nap(seconds)
        return {"seen": ["x"]}

    return work


def graph(nodes: list[tuple[str, list[str], float]]) -> Any:
    builder = StateGraph(State)
    parents_of_some = {parent for _, parents, _ in nodes for parent in parents}
    for name, _, seconds in nodes:
        builder.add_node(name, node(seconds))
    for name, parents, _ in nodes:
        if parents:
            builder.add_edge(parents, name)
        else:
            builder.add_edge(START, name)
        if name not in parents_of_some:
            builder.add_edge(name, END)
    return builder.compile()


async def main() -> None:
    chain = graph([(f"s{n}", [f"s{n - 1}"] if n else [], 0.0) for n in range(CHAIN)])
    fan_nodes = [(f"f{n}", [], 0.01) for n in range(FAN)]
    fan = graph([*fan_nodes, ("join", [name for name, _, _ in fan_nodes], 0.0)])
    layers = graph([(name, [parent] if parent else [], seconds) for name, parent, seconds in layered()])
    five = graph([(f"v{n}", [f"v{n - 1}"] if n else [], 0.001) for n in range(5)])
    limit = {"recursion_limit": 1000}

    async def thousand() -> None:
        await asyncio.gather(*(five.ainvoke({"seen": []}, limit) for _ in range(1000)))

    found = {
        "what": "langgraph StateGraph",
        "chain": await median_of(lambda: chain.ainvoke({"seen": []}, limit), 7) / CHAIN,
        "fan": await median_of(lambda: fan.ainvoke({"seen": []}, limit)),
        "layered": await median_of(lambda: layers.ainvoke({"seen": []}, limit), 7),
        "thousand": await median_of(thousand, 1),
        "import": IMPORT,
    }
    print(json.dumps(found))


asyncio.run(main())
