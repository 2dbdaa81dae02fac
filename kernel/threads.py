"""Threads for what blocks: daemons, so that a call that hangs does not keep the process from ending."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import weakref
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")

MOST = 32
"""Threads of one event loop; further calls wait for one of them."""


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """What ``work`` gives, in a thread and with this task's context variables.

    Unlike with ``asyncio.to_thread``, neither the event loop nor the interpreter waits for a thread at its
    end: Python cannot interrupt one, and whoever gave up on the call was told that it is still running. A
    call that is cancelled before its thread has begun never runs.
    """
    context = contextvars.copy_context()
    threads = _threads_of(asyncio.get_running_loop())
    return await asyncio.wrap_future(threads.begin(lambda: context.run(work, *arguments)))


class _Threads:
    """As many threads as there are calls at once, up to ``MOST``; they are kept for further calls."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._idle = self._count = 0
        self._closed = False

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

    def close(self) -> None:
        """Let the threads end that have nothing to do."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _serve(self) -> None:
        while (call := self._next()) is not None:
            _settle(*call)
            del call  # what it holds must not stay until the next one

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._changed:
            self._idle += 1
            while not self._waiting:
                if self._closed:
                    return None
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


_OF_LOOPS: weakref.WeakKeyDictionary[AbstractEventLoop, _Threads] = weakref.WeakKeyDictionary()
# Each loop has its own: a function may run a plan in its thread, whose functions must not wait for it.


def _threads_of(loop: AbstractEventLoop) -> _Threads:
    threads = _OF_LOOPS.get(loop)
    if threads is None:
        threads = _OF_LOOPS[loop] = _Threads()
        weakref.finalize(loop, threads.close).atexit = False
    return threads
