"""What is asked of an MCP server, and that each tool is the one that was approved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from planloom.plugins.mcp_connection import Connection
from planloom.plugins.mcp_pins import Pins
from planloom.plugins.mcp_tool import McpTool, value_of
from planloom.services.protocol import ChatMessage, Role

__all__ = ["McpSession"]

MOST_PAGES = 100

Request = Callable[[Any], Awaitable[Any]]


class McpSession:
    """One server's tools, prompts and resources. All of it runs on the loop of the connection."""

    def __init__(self, connection: Connection, pins: Pins, max_bytes: int) -> None:
        self._connection, self._pins, self._max_bytes = connection, pins, max_bytes
        self._listed: dict[str, McpTool] = {}
        self._listed_at = 0
        """How often the connection had been opened when the tools were last listed."""
        self._changes_listed = 0
        """How often the server had then said that its tools are others."""

    @property
    def server_name(self) -> str:
        return self._connection.server_name

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()

    async def ask(self, function: str, request: Request) -> dict[str, Any]:
        """The answer to a request, as JSON."""
        result = await self._connection.ask(function, request)
        # By alias the two versions of the SDK say the same.
        found: dict[str, Any] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        return found

    async def pages(self, what: str) -> list[dict[str, Any]]:
        """All of the server's ``"tools"``, ``"prompts"`` or ``"resources"``."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self.ask(f"list_{what}", _page_request(what, cursor))
            found += page.get(what, [])
            cursor = page.get("nextCursor")
            if not cursor:
                break
        return found

    async def tools(self) -> dict[str, McpTool]:
        """The tools as the server describes them now, by name."""
        changes = self._connection.times_changed
        found = await self.pages("tools")
        self._listed = {tool["name"]: McpTool(tool["name"], tool) for tool in found}
        self._changes_listed = changes
        self._listed_at = self._connection.times_opened
        return self._listed

    async def approved_tools(self) -> list[McpTool]:
        """The tools that may be used."""
        return await self._pins.admit((await self.tools()).values())

    async def call(self, function: str, tool: McpTool, arguments: Mapping[str, Any], is_json: bool) -> Any:
        """A tool's result; raises ``ChangedToolError`` if it is not the tool that was approved."""
        await self._check(function, tool)
        given = {key: value for key, value in arguments.items() if value is not None}

        async def request(session: Any) -> Any:
            return await session.call_tool(tool.name, given)

        result = await self.ask(function, request)
        return value_of(function, tool, result, self._max_bytes, is_json=is_json)

    async def messages(self, function: str, prompt: str, arguments: Mapping[str, Any]) -> list[ChatMessage]:
        """A prompt's messages, with the arguments in their places."""
        given = {key: str(value) for key, value in arguments.items() if value is not None}

        async def request(session: Any) -> Any:
            return await session.get_prompt(prompt, given)

        answer = await self.ask(function, request)
        return [_message(item) for item in answer.get("messages", [])]

    async def _check(self, function: str, tool: McpTool) -> None:
        """Compare the tool with its pin, as the server describes it now."""
        connection = self._connection
        is_same_server = connection.is_open and self._listed_at == connection.times_opened
        if connection.times_changed != self._changes_listed or not is_same_server:
            await self.tools()
        await self._pins.check(function, tool.name, self._listed.get(tool.name))


def _message(item: Mapping[str, Any]) -> ChatMessage:
    # never "system": a server's words do not rule the model
    role: Role = "assistant" if item.get("role") == "assistant" else "user"
    return ChatMessage(role, str(item["content"].get("text", "")))


def _page_request(what: str, cursor: str | None) -> Request:
    async def request(session: Any) -> Any:
        from mcp.types import PaginatedRequestParams

        listing = getattr(session, f"list_{what}")
        return await listing(params=PaginatedRequestParams(cursor=cursor) if cursor else None)

    return request
