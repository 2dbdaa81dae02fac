"""Threads for what blocks: daemons, so that a call that hangs does not keep the process from ending."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")

MOST = 32
"""Threads at once; further calls wait for one of them."""


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """What ``work`` gives, in a thread and with this task's context variables.

    Unlike with ``asyncio.to_thread``, neither the event loop nor the interpreter waits for a thread at its
    end: Python cannot interrupt one, and whoever gave up on the call was told that it is still running. A
    call that is cancelled before its thread has begun never runs.
    """
    context = contextvars.copy_context()
    return await asyncio.wrap_future(_THREADS.begin(lambda: context.run(work, *arguments)))


class _Threads:
    """As many threads as there are calls at once, up to ``MOST``; they are kept for further calls."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin without threads: a forked process has none of its parent's."""
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._idle = self._count = 0

    def begin(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._changed:
            self._waiting.append((future, work))
            if len(self._waiting) <= self._idle:
                self._changed.notify()
            elif self._count < MOST:
                self._count += 1
                threading.Thread(target=self._serve, name=f"planloom-{self._count}", daemon=True).start()
        return future

    def _serve(self) -> None:
        while True:
            _settle(*self._next())

    def _next(self) -> tuple[Future[Any], Callable[[], Any]]:
        with self._changed:
            self._idle += 1
            while not self._waiting:
                self._changed.wait()
            self._idle -= 1
            return self._waiting.popleft()


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        value = work()
    except BaseException as error:  # noqa: BLE001 - also SystemExit: whoever awaits the call must hear of it
        future.set_exception(error)
    else:
        future.set_result(value)


_THREADS = _Threads()
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_THREADS.forget)
