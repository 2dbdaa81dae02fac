"""An event loop whose clock jumps to the next timer, so that tests about time take none."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        timers = self._scheduled  # type: ignore[attr-defined]
        if not self._ready and timers:  # type: ignore[attr-defined]
            # a little past the timer: far from zero, the loop's own tolerance is lost to rounding
            self.now = max(self.now, math.nextafter(timers[0].when(), math.inf))
        super()._run_once()  # type: ignore[misc]


def run_virtual(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """The outcome of ``work``, and how many seconds it took on the virtual clock."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        loop = runner.get_loop()
        return runner.run(work), loop.time()
