"""A session with an MCP server: opened when it is needed, and opened again when the server was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

from planloom.errors import FunctionError, TooLargeError
from planloom.plugins.errors import DoorResultError, ForeignToolError, ServerLostError
from planloom.plugins.foreign_text import one_line
from planloom.plugins.mcp_process import MessageTooLongError
from planloom.plugins.mcp_sdk import is_first_sdk, refusal_errors
from planloom.plugins.mcp_transport import Transport

__all__ = ["Connection"]

CONNECTION_CLOSED = -32000
SECONDS_TO_GIVE_UP = 10.0
TOOLS_CHANGED = "notifications/tools/list_changed"

Request = Callable[[Any], Awaitable[Any]]
"""Asks something of a session."""


class Connection:
    """One server. All of it runs on one event loop.

    The transport and the session are entered and left by one task, as structured concurrency needs; requests
    come from any task, and each of them watches that one.
    """

    def __init__(self, transport: Transport, timeout: float, max_bytes: int) -> None:
        self.transport, self.timeout, self.max_bytes = transport, timeout, max_bytes
        self.times_opened = 0
        self.times_changed = 0
        """How often the server said that its tools are others now."""
        self.server_name = ""
        self._owner: asyncio.Task[None] | None = None
        self._session: Any = None
        self._lock = asyncio.Lock()
        self._stop = asyncio.Event()

    async def ask(self, function: str, request: Request) -> Any:
        """The answer to a request; ``function`` is named in errors.

        Raises:
            ForeignToolError: the server refuses.
            ServerLostError: it ended, broke off, cannot be started, or gave no answer in time.
            DoorResultError: what it sent cannot be read.
        """
        session, owner = await self._opened(function)
        asking: asyncio.Future[Any] = asyncio.ensure_future(request(session))
        try:
            await asyncio.wait({asking, owner}, timeout=self.timeout, return_when=asyncio.FIRST_COMPLETED)
            if asking.done() and not (asking.exception() and _is_closed(asking.exception())):
                return self._answer(function, asking)
            raise await self._lost(function, owner, timed_out=not asking.done() and not owner.done())
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    @property
    def is_open(self) -> bool:
        return self._owner is not None and not self._owner.done()

    async def close(self) -> None:
        """End the session, and with it a process that was started for it."""
        owner, self._owner, self._session = self._owner, None, None
        self._lock = asyncio.Lock()  # the next use may be on another loop
        self._stop.set()
        if owner is not None:
            await asyncio.gather(owner, return_exceptions=True)

    async def _opened(self, function: str) -> tuple[Any, asyncio.Task[None]]:
        async with self._lock:
            if self._owner is None or self._owner.done():
                await self._open(function)
            assert self._owner is not None
            return self._session, self._owner

    async def _open(self, function: str) -> None:
        ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._stop, self._session = asyncio.Event(), None
        self._owner = owner = asyncio.create_task(self._own(ready, self._stop))
        try:
            await asyncio.wait({ready, owner}, timeout=self.timeout, return_when=asyncio.FIRST_COMPLETED)
            if owner.done():
                raise await self._lost(function, owner, timed_out=False)
            if ready.done():
                self._session = ready.result()
                self.times_opened += 1
        finally:
            if self._session is None:  # or this was cancelled
                await self._abandon(owner)
        if self._session is None:
            problem = f"could not open its server within {self.timeout:g} seconds: {self.transport.key}"
            raise ServerLostError(function, f"{problem}.{self._said_last()} The next call tries again.")

    async def _abandon(self, owner: asyncio.Task[None]) -> None:
        """End an opening that came to nothing, so that the next use opens anew."""
        if self._owner is owner:  # close() lets others open at once
            self._owner = None
        owner.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(owner, return_exceptions=True), SECONDS_TO_GIVE_UP)

    async def _own(self, ready: asyncio.Future[Any], stop: asyncio.Event) -> None:
        is_first_sdk()
        from mcp import ClientSession

        async with (
            self.transport.open(self.max_bytes) as (read, write),
            ClientSession(read, write, message_handler=self._hear) as session,
        ):
            greeting = (await session.initialize()).model_dump(by_alias=True)
            self.server_name = str((greeting.get("serverInfo") or {}).get("name") or "")
            ready.set_result(session)
            await stop.wait()

    async def _hear(self, message: Any) -> None:
        notification = getattr(message, "root", message)
        if getattr(notification, "method", None) == TOOLS_CHANGED:
            self.times_changed += 1

    def _answer(self, function: str, asking: asyncio.Future[Any]) -> Any:
        try:
            return asking.result()
        except refusal_errors() as error:
            raise ForeignToolError(function, one_line(str(error), 2000)) from None
        except (RuntimeError, ValueError) as error:
            why = one_line(str(error))
            raise DoorResultError(function, f"was answered what is not valid: {why}") from None

    async def _lost(self, function: str, owner: asyncio.Task[None], *, timed_out: bool) -> FunctionError:
        if timed_out:
            said = f"gave no answer within {self.timeout:g} seconds"
            return ServerLostError(function, f"{said}: {self.transport.key}. The call may have been done.")
        await self.close()
        causes = [] if owner.cancelled() else list(_leaves(owner.exception()))
        for cause in causes:
            if isinstance(cause, UnicodeDecodeError):
                return DoorResultError(
                    function, f"was sent bytes that are not UTF-8 by {self.transport.key}."
                )
            if isinstance(cause, MessageTooLongError):
                return TooLargeError(function, "the tool's result", self.max_bytes)
        why = "; ".join(f"{type(cause).__name__}: {_said(cause)}" for cause in causes)
        detail = (f" ({why})" if why else "") + self._said_last()
        return ServerLostError(
            function,
            f"lost its server: {self.transport.key} ended or broke off{detail}. "
            "A call under way may have been done; the next call starts or asks it again.",
        )

    def _said_last(self) -> str:
        words = self.transport.last_words()
        return f" It said last: {words!r}" if words else ""


def _is_closed(error: BaseException | None) -> bool:
    """Whether a request failed because there is no one to answer it."""
    if type(error).__name__ in ("ClosedResourceError", "BrokenResourceError", "EndOfStream"):
        return True
    return getattr(getattr(error, "error", None), "code", None) == CONNECTION_CLOSED


def _said(cause: BaseException) -> str:
    """What an error says; of an answer over HTTP only the status, as its text repeats the whole address."""
    status = getattr(getattr(cause, "response", None), "status_code", None)
    return one_line(str(cause), 300) if status is None else f"the answer's status was {status}"


def _leaves(error: BaseException | None) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    elif error is not None:
        yield error
