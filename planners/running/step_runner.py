"""The one door through which a run touches the world: a step runner runs one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from planloom.errors import FunctionTimeoutError
from planloom.function import KernelFunction
from planloom.kernel import Kernel
from planloom.planners.running.scheduler import StepCall

__all__ = ["KernelRunner", "StepRunner", "in_time"]

T = TypeVar("T")

FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0


class StepRunner(Protocol):
    """Runs a function step: in process, on another machine, under a journal."""

    def run(self, call: StepCall) -> Awaitable[Any]:
        """The step's value; raises whatever the function raises, after its own retries."""
        ...


class KernelRunner:
    """Runs steps in this process through the kernel's filters, with each function's retries and timeout.

    Args:
        kernel: where the functions are.
        sleep: waits between tries; ``delay`` seconds doubling from 0.1 to 5.
    """

    def __init__(self, kernel: Kernel, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.kernel, self.sleep = kernel, sleep

    def run(self, call: StepCall) -> Awaitable[Any]:
        function = call.step.function
        assert function is not None
        if function.retries or function.timeout is not None:
            return self._carefully(function, call.arguments)
        return self._once(function, call.arguments)

    def _once(self, function: KernelFunction, arguments: dict[str, Any]) -> Awaitable[Any]:
        if self.kernel.filters("function"):
            return self.kernel.call(function, arguments)
        return function.call(arguments)

    async def _carefully(self, function: KernelFunction, arguments: dict[str, Any]) -> Any:
        for attempt in range(function.retries):
            try:
                return await in_time(function, self._once(function, dict(arguments)))
            except Exception as error:
                if not _may_repeat(function, error):
                    raise
                await self.sleep(min(FIRST_DELAY * 2**attempt, LONGEST_DELAY))
        return await in_time(function, self._once(function, dict(arguments)))


async def in_time(function: KernelFunction, call: Awaitable[T]) -> T:
    """What a call gives within the time that its function allows; raises ``FunctionTimeoutError``."""
    timer = asyncio.timeout(function.timeout)
    try:
        async with timer:
            return await call
    except TimeoutError as error:
        if not timer.expired():
            raise
        raise FunctionTimeoutError(
            function.full_name, function.timeout or 0.0, still_running=not function.is_async
        ) from error


def _may_repeat(function: KernelFunction, error: Exception) -> bool:
    """Whether another try cannot do a thing twice: a thread that still runs may yet do it."""
    still_running = isinstance(error, FunctionTimeoutError) and error.still_running
    return not still_running or function.effect != "write" or function.idempotent
