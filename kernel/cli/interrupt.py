"""Ctrl-C: the first stops a run cleanly, the second at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from planloom.cli.exits import Exit
from planloom.cli.terminal import Terminal

__all__ = ["run_interruptibly"]

T = TypeVar("T")


def run_interruptibly(work: Coroutine[Any, Any, T], terminal: Terminal) -> T:
    """The outcome of ``work``.

    Raises:
        KeyboardInterrupt: Ctrl-C; calls that change the world were let finish first.
    """
    return asyncio.run(_guarded(work, terminal))


async def _guarded(work: Coroutine[Any, Any, T], terminal: Terminal) -> T:
    task = asyncio.ensure_future(work)
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        if interrupted:
            # a model or a store may have threads of its own, and the interpreter would wait for them
            os._exit(Exit.INTERRUPTED)
        interrupted = True
        terminal.say("planloom: stopping; what changes something is let finish. Ctrl-C again stops at once.")
        task.cancel()

    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGINT, interrupt)
    except (NotImplementedError, RuntimeError):  # Windows, or not the main thread: asyncio's own way serves
        return await task
    try:
        return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        # such threads are waited for after this, so a second Ctrl-C must still be heard
        signal.signal(signal.SIGINT, lambda *_: os._exit(Exit.INTERRUPTED) if interrupted else None)
