"""A watch over the event loop: it says when an async function blocks it, for every step then stands still."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

__all__ = ["LoopWatch"]

LOG = logging.getLogger("planloom.planners")
BLOCKED = 0.5
"""Seconds by which a timer is late before anything is said."""
FIRST = 0.5
GROWTH = 8
"""The first seconds between two looks, and by what part of its age a run is looked at later on."""
_TOLD: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, float]] = WeakKeyDictionary()
"""When each cause was last told, by loop: many runs may see one standstill, and one of them tells of it."""


class LoopWatch:
    """Looks now and then whether its timer comes late; ``suspects`` names the steps that may be why."""

    def __init__(self, suspects: Callable[[float], Iterable[str]]) -> None:
        self._suspects = suspects
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._arm(self._began)

    def stop(self) -> None:
        self._timer.cancel()
        self._look(self._loop.time())

    def _arm(self, now: float) -> None:
        self._due = now + max(FIRST, (now - self._began) / GROWTH)
        self._timer = self._loop.call_at(self._due, self._beat)

    def _beat(self) -> None:
        now = self._loop.time()
        self._look(now)
        self._arm(now)

    def _look(self, now: float) -> None:
        late = now - self._due
        if late > BLOCKED:
            names = ", ".join(dict.fromkeys(self._suspects(late))) or "something outside the plan"
            told = _TOLD.setdefault(self._loop, {})
            if told.get(names, self._began) > self._due:
                return
            told[names] = now
            LOG.warning(
                "The event loop stood still for %.1f s, and every step with it. The cause is %s: an async "
                "function must not compute or wait for long without awaiting. Make it a plain function, "
                "which runs in a thread.",
                late,
                names,
            )
