"""``WaitSkill``: letting time pass."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from planloom.decorator import kernel_function
from planloom.errors import ArgumentError

__all__ = ["WaitSkill"]


class WaitSkill:
    """Waits."""

    skill_name = "Wait"

    def __init__(
        self, max_seconds: float = 3600.0, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        """Wait at most ``max_seconds`` at a time, by awaiting ``sleep(seconds)``."""
        self._max_seconds, self._sleep = max_seconds, sleep

    # A read, so that a failing run need not see it through. Steps that must come later say so with after="…".
    @kernel_function(effect="read", touches=("clock",), idempotent=True)
    async def wait(self, seconds: Annotated[float, "How many seconds, 0 or more"]) -> float:
        """Wait some seconds, and give back how many.

        Raises:
            ArgumentError: ``seconds`` is negative, not a number or above the limit.
        """
        # Written this way round, a nan is refused too.
        if not 0 <= seconds <= self._max_seconds:
            raise ArgumentError(
                "Wait.wait", "seconds", f"is {seconds:g}; it must be from 0 to {self._max_seconds:g}"
            )
        await self._sleep(seconds)
        return seconds
