"""Ways to an MCP server: a process that is started, or an address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from planloom.plugins.address import shown_address
from planloom.plugins.mcp_sdk import http_package

__all__ = ["HttpTransport", "Transport"]

CONNECT_SECONDS = 30.0


class Transport(Protocol):
    """Opens the two streams that a session reads and writes."""

    @property
    def key(self) -> str:
        """What the server is known by, in pins and errors; it holds no secret."""
        ...

    def open(self, max_bytes: int) -> AbstractAsyncContextManager[Any]:
        """The streams; a message longer than ``max_bytes`` need not be read."""
        ...

    def last_words(self) -> str:
        """What the server said last outside the protocol, for messages."""
        ...


@dataclass
class HttpTransport:
    """A server at an address, over streamable HTTP. The SDK follows no redirect to another origin."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def key(self) -> str:
        return shown_address(self.url)

    @asynccontextmanager
    async def open(self, max_bytes: int) -> AsyncIterator[Any]:
        http = http_package()
        from mcp.client.streamable_http import streamable_http_client

        timeout = http.Timeout(CONNECT_SECONDS, read=None)
        async with (
            http.AsyncClient(headers=dict(self.headers), timeout=timeout) as client,
            streamable_http_client(self.url, http_client=client) as streams,
        ):
            yield streams[:2]

    def last_words(self) -> str:
        return ""
