"""Puts a run's questions to the person at the terminal, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from planloom.cli.errors import UsageError
from planloom.cli.terminal import Terminal
from planloom.planners.running.approval import approval_text
from planloom.planners.running.policy import CallRequest
from planloom.threads import in_thread

__all__ = ["Questions"]

YES = ("y", "yes")


class Questions:
    """Answers ``<ask>`` elements, approvals and whether a plan shall run.

    ``read_line`` waits for a line of text; "" means that there is no more input.
    """

    def __init__(self, terminal: Terminal, read_line: Callable[[], str] | None = None) -> None:
        self._terminal = terminal
        self._read_line = read_line or terminal.source.readline
        self._is_terminal = read_line is None
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, question: str, variable: str) -> Any:
        """The answer to an ``<ask>``; raises ``UsageError`` when the input ends."""
        return await self._answer(f"{question} ")

    async def approve(self, request: CallRequest, reason: str) -> bool:
        """Whether the person lets exactly this call run."""
        return await self.confirm(f"{approval_text(request, reason)}\nRun it?")

    async def confirm(self, question: str) -> bool:
        """Whether the person says yes; anything else is no."""
        return (await self._answer(f"{question} [y/N] ")).strip().lower() in YES

    async def _answer(self, prompt: str) -> str:
        async with self._one_at_a_time:
            with self._terminal.asking(prompt):
                line = await self._line()
        if not line:
            raise UsageError("the input ended before the question was answered; give the value with --var")
        return line.rstrip("\r\n")

    async def _line(self) -> str:
        """A line, read without a thread where that is possible: a blocked thread would hold up Ctrl-C."""
        loop = asyncio.get_running_loop()
        if not self._is_terminal:
            return self._read_line()
        arrived: asyncio.Future[None] = loop.create_future()
        source = self._terminal.source.fileno()
        try:
            loop.add_reader(source, _arrive, arrived)
        except NotImplementedError:  # Windows
            return await in_thread(self._read_line)
        try:
            await arrived
        finally:
            loop.remove_reader(source)
        return self._read_line()


def _arrive(arrived: asyncio.Future[None]) -> None:
    if not arrived.done():
        arrived.set_result(None)
