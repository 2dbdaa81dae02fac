"""The work that every framework does in the comparison; plain Python, so that any environment can run it."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable

CHAIN = 100
FAN = 100
LAYERS, WIDTH = 10, 10
SHORT, LONG = 0.001, 0.015


def layered() -> list[tuple[str, str, float]]:
    """A 10 x 10 graph as (node, parent, seconds): a parent in the layer before, a fifth of the nodes slow."""
    choice = random.Random(1)
    nodes = []
    for layer in range(LAYERS):
        for place in range(WIDTH):
            parent = f"n{layer - 1}_{choice.randrange(WIDTH)}" if layer else ""
            nodes.append((f"n{layer}_{place}", parent, LONG if choice.random() < 0.2 else SHORT))
    return nodes


def critical_path() -> float:
    """Seconds that the layered graph takes at the least."""
    ends: dict[str, float] = {"": 0.0}
    for node, parent, seconds in layered():
        ends[node] = ends[parent] + seconds
    return max(ends.values())


async def median_of(work: Callable[[], Awaitable[object]], rounds: int = 15) -> float:
    """The median seconds of ``work``, after one round that does not count."""
    await work()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


async def noop(text: str) -> str:
    return text


async def nap(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds
