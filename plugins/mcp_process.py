"""An MCP server as a process, spoken to over its standard input and output.

The SDK has such a transport too; this one reads no message beyond a limit, and ends when a byte is not UTF-8
(there, the first takes minutes of copying and the second is waited for without end).
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planloom.plugins.foreign_text import fingerprint
from planloom.plugins.mcp_sdk import dump_message, is_first_sdk, parse_message

__all__ = ["MessageTooLongError", "ProcessTransport"]

SAID_LAST = 800
SECONDS_TO_END = 2.0
ENVELOPE = 65_536
"""Bytes that a message may take besides the result in it."""


class MessageTooLongError(Exception):
    """A server wrote a line that is longer than the limit."""


@dataclass
class ProcessTransport:
    """A command that starts a server; ``environment`` is what it gets besides a few harmless variables."""

    command: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path | None = None
    _said: bytes = field(default=b"", init=False, repr=False)

    @property
    def key(self) -> str:
        # Arguments may hold a key, and a hash of them tells servers apart as well.
        started = fingerprint([*self.arguments, str(self.folder or "")])
        return f"{self.command} (started as {started[:12]})"

    def last_words(self) -> str:
        return self._said.decode("utf-8", "replace").strip()

    @asynccontextmanager
    async def open(self, max_bytes: int) -> AsyncIterator[Any]:
        is_first_sdk()
        import anyio

        with tempfile.TemporaryFile() as log:
            process = await self._start(log, max_bytes)
            from_server, read = anyio.create_memory_object_stream[Any](0)
            write, to_server = anyio.create_memory_object_stream[Any](0)
            is_well = False
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(_receive, process, from_server)
                    group.start_soon(_send, process, to_server, from_server)
                    yield read, write
                    is_well = True
                    group.cancel_scope.cancel()
            finally:
                await asyncio.shield(_end(process, patiently=is_well))
                for stream in (from_server, read, write, to_server):
                    stream.close()
                self._said = _tail(log)

    async def _start(self, log: Any, max_bytes: int) -> Process:
        from mcp.client.stdio import get_default_environment

        return await asyncio.create_subprocess_exec(
            self.command,
            *self.arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
            env={**get_default_environment(), **self.environment},
            cwd=self.folder,
            limit=max_bytes + ENVELOPE,
            start_new_session=True,
        )


async def _receive(process: Process, messages: Any) -> None:
    assert process.stdout is not None
    async with messages:
        while line := await _line(process.stdout):
            try:
                message = parse_message(line.decode("utf-8"))
            except UnicodeDecodeError:
                raise
            except ValueError as error:
                message = error
            await messages.send(message)


async def _line(output: asyncio.StreamReader) -> bytes:
    try:
        return await output.readline()
    except ValueError:
        raise MessageTooLongError from None


async def _send(process: Process, messages: Any, answers: Any) -> None:
    assert process.stdin is not None
    try:
        async with messages:
            async for message in messages:
                process.stdin.write(f"{dump_message(message)}\n".encode())
                await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        answers.close()  # nobody will answer: the session sees its end


async def _end(process: Process, *, patiently: bool) -> None:
    """Close its input, as the protocol has it; then ask it to end, then make it."""
    assert process.stdin is not None
    process.stdin.close()
    forces = [None] if patiently else []
    for force in [*forces, signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)]:
        if force is not None:
            _signal(process, force)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), SECONDS_TO_END)
            return


def _signal(process: Process, force: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, force)  # with the processes that it started
        else:
            process.terminate()


def _tail(log: Any) -> bytes:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - SAID_LAST))
    said: bytes = log.read()
    return said
