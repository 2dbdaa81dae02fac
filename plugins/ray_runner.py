"""Heavy steps as Ray tasks: another process, or another machine of a Ray cluster, under the same journal.

Needs ``planloom[ray]``. Ray has no memory of its own for a run: give the executor a journal.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from planloom.errors import MissingExtraError
from planloom.function import KernelFunction
from planloom.idempotency import idempotency_key, keyed
from planloom.kernel import Kernel
from planloom.planners.running.scheduler import StepCall
from planloom.planners.running.step_runner import FIRST_DELAY, LONGEST_DELAY, KernelRunner, in_time

__all__ = ["RayRunner"]

TRIES_AFTER_A_LOSS = 3


class RayRunner:
    """Runs the steps whose function says where it ``runs_on`` as Ray tasks, and all others here.

    ``Executor(kernel, runner=RayRunner(kernel), journal=SqliteJournal("runs.db"))``. The function, with the
    object that it is a method of, its arguments and its value travel as Ray sends objects. Retries and the
    timeout are the function's own. A write that must not happen twice is tried again only after it raised: a
    task that took too long runs on, and one whose node was lost may have done it, so these cost it its step.

    Args:
        kernel: where the functions are.
        heavy: the values of ``runs_on`` that mean Ray.
        options: for ``ray.remote(...).options``, by the value of ``runs_on``: ``{"gpu": {"num_gpus": 1}}``.
        address: of the cluster; Ray's own choice if left out.
    """

    def __init__(
        self,
        kernel: Kernel,
        *,
        heavy: Collection[str] = ("ray", "gpu"),
        options: Mapping[str, Mapping[str, Any]] | None = None,
        address: str | None = None,
    ) -> None:
        self._ray = _ray()
        if not self._ray.is_initialized():
            self._ray.init(address=address, log_to_driver=False, include_dashboard=False)
        self._kernel, self._here = kernel, KernelRunner(kernel)
        self._heavy, self._options = frozenset(heavy), options or {}
        self._task = self._ray.remote(_called)
        self._there: dict[KernelFunction, KernelFunction] = {}

    def run(self, call: StepCall) -> Awaitable[Any]:
        function = call.step.function
        assert function is not None
        if function.runs_on not in self._heavy:
            return self._here.run(call)
        return self._sent_in_tries(function, call.arguments)

    async def _sent_in_tries(self, function: KernelFunction, arguments: Mapping[str, Any]) -> Any:
        for attempt in range(function.retries):
            try:
                return await self._try(function, arguments)
            except Exception as error:
                if not _repeatable(function) and not isinstance(error, self._ray.exceptions.RayTaskError):
                    raise
                await asyncio.sleep(min(FIRST_DELAY * 2**attempt, LONGEST_DELAY))
        return await self._try(function, arguments)

    def _try(self, function: KernelFunction, arguments: Mapping[str, Any]) -> Awaitable[Any]:
        # timed as what it is, and not as the async function that stands in for it: a sync task runs on
        return in_time(function, self._kernel.call(self._sent(function), dict(arguments)))

    def _sent(self, function: KernelFunction) -> KernelFunction:
        """The function with a Ray task in place of its own body."""
        if function not in self._there:
            self._there[function] = replace(function, target=self._target(function))
        return self._there[function]

    def _target(self, function: KernelFunction) -> Callable[..., Awaitable[Any]]:
        task = self._task.options(
            max_retries=TRIES_AFTER_A_LOSS if _repeatable(function) else 0,
            **self._options.get(function.runs_on, {}),
        )

        async def send(**arguments: Any) -> Any:
            reference = task.remote(function.target, arguments, idempotency_key())
            try:
                return await reference
            except asyncio.CancelledError:
                self._ray.cancel(reference)
                raise

        return send


def _repeatable(function: KernelFunction) -> bool:
    return function.effect != "write" or function.idempotent


def _called(target: Callable[..., Any], arguments: Mapping[str, Any], key: str | None) -> Any:
    """In the task's process: call, under the step's key."""
    if key is None:
        return _value(target, arguments)
    with keyed(key):
        return _value(target, arguments)


def _value(target: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    async def awaited(value: Awaitable[Any]) -> Any:
        return await value

    value = target(**arguments)
    return asyncio.run(awaited(value)) if inspect.isawaitable(value) else value


def _ray() -> Any:
    try:
        import ray  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise MissingExtraError("ray", "ray", "Running steps on Ray") from error
    return ray
