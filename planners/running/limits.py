"""Limits: how many calls may run at once, and how many may start in a span of time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from fnmatch import fnmatchcase
from weakref import WeakKeyDictionary

from planloom.filters import Filter, ModelContext
from planloom.function import KernelFunction

__all__ = ["Limit", "Limiter", "Turn", "service_limit"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``concurrency`` calls at once, and at most ``rate`` starts in any span of ``per`` seconds.

    Raises:
        ValueError: a number is not positive.
    """

    concurrency: int | None = None
    rate: int | None = None
    per: float = 1.0

    def __post_init__(self) -> None:
        for name in ("concurrency", "rate"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"{name} must be 1 or more, not {number}")
        if self.per <= 0:
            raise ValueError(f"per must be more than 0 seconds, not {self.per}")


class _Pool:
    """The calls that share one limit on one event loop; first come, first served."""

    def __init__(self, limit: Limit) -> None:
        self.limit, self.running = limit, 0
        self.queue: deque[asyncio.Future[None]] = deque()
        self.starts: deque[float] = deque(maxlen=limit.rate or 1)

    async def enter(self) -> None:
        await self._place()
        try:
            await self._moment()
        except asyncio.CancelledError:
            self.leave()
            raise

    def leave(self) -> None:
        """Give the place to the next that waits, or free it."""
        while self.queue:
            waiting = self.queue.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        self.running -= 1

    async def _place(self) -> None:
        if self.limit.concurrency is None or self.running < self.limit.concurrency:
            self.running += 1
            return
        waiting = asyncio.get_running_loop().create_future()
        self.queue.append(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self.leave()
            raise

    async def _moment(self) -> None:
        """Wait until one more start is within the rate; the moment is reserved before the wait."""
        if self.limit.rate is None:
            return
        now = asyncio.get_running_loop().time()
        full = len(self.starts) == self.limit.rate
        start = max(now, self.starts[0] + self.limit.per) if full else now
        self.starts.append(start)
        if start > now:
            await asyncio.sleep(start - now)


_HELD: ContextVar[tuple[_Pool, ...]] = ContextVar("planloom_limits_held", default=())
_Loop = asyncio.AbstractEventLoop


class Limiter:
    """The limits of an executor, by globs over full function names; calls that fit one glob share its limit.

    A call made inside a call that holds a place takes no second one: it would wait for itself. The limits
    hold for all runs of one executor on one event loop.
    """

    def __init__(self, limits: Mapping[str, Limit]) -> None:
        self._limits = {pattern.lower(): limit for pattern, limit in limits.items()}
        self._pools: WeakKeyDictionary[_Loop, dict[str, _Pool]] = WeakKeyDictionary()
        self._patterns: dict[str, tuple[str, ...]] = {}

    async def enter(self, function: KernelFunction) -> Turn:
        """Wait for a call's turn; give it back with ``leave``."""
        held = _HELD.get()
        wanted = [pool for pool in self._of(function) if pool not in held]
        turn = Turn()
        try:
            for pool in wanted:
                await pool.enter()
                turn.pools.append(pool)
        except asyncio.CancelledError:
            turn.leave()
            raise
        _HELD.set((*held, *wanted))
        turn.outer = held
        return turn

    def _of(self, function: KernelFunction) -> list[_Pool]:
        name = function.full_name.lower()
        if name not in self._patterns:
            self._patterns[name] = tuple(item for item in self._limits if fnmatchcase(name, item))
        pools = self._pools.setdefault(asyncio.get_running_loop(), {})
        return [pools.setdefault(item, _Pool(self._limits[item])) for item in self._patterns[name]]


class Turn:
    """The places that one call holds."""

    __slots__ = ("outer", "pools")

    def __init__(self) -> None:
        self.pools: list[_Pool] = []
        self.outer: tuple[_Pool, ...] = ()

    def leave(self) -> None:
        for pool in self.pools:
            pool.leave()
        _HELD.set(self.outer)


def service_limit(limit: Limit, *services: str) -> Filter:
    """A model filter that keeps requests within a limit: ``kernel.add_filter("model", service_limit(...))``.

    Args:
        limit: shared by all the services that it is for.
        services: names of services; every service of the kernel if none is named.
    """
    pools: WeakKeyDictionary[_Loop, _Pool] = WeakKeyDictionary()

    async def within(context: ModelContext, following: Callable[[ModelContext], Awaitable[None]]) -> None:
        if services and not _is_named(context, services):
            await following(context)
            return
        pool = pools.setdefault(asyncio.get_running_loop(), _Pool(limit))
        await pool.enter()
        try:
            await following(context)
        finally:
            pool.leave()

    return within


def _is_named(context: ModelContext, services: Sequence[str]) -> bool:
    """Whether the request goes to a service that the kernel knows under one of the names."""
    return any(context.kernel.services.get(name) is context.service for name in services)
