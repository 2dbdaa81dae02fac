"""What differs between versions 1 and 2 of the official MCP SDK; semantic-kernel still needs the first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from planloom.errors import MissingExtraError

__all__ = [
    "dump_message",
    "http_package",
    "is_first_sdk",
    "parse_message",
    "refusal_errors",
    "sdk_server",
]


def is_first_sdk() -> bool:
    """Whether version 1 is installed; raises ``MissingExtraError`` if neither is."""
    try:
        import mcp
    except ImportError as error:
        raise MissingExtraError("mcp", "mcp", "MCP") from error
    return not hasattr(mcp, "Client")


def http_package() -> Any:
    """The HTTP package that the SDK is made with."""
    if is_first_sdk():
        import httpx

        return httpx
    import httpx2

    return httpx2


def refusal_errors() -> tuple[type[Exception], ...]:
    """What the SDK raises when the other side answers with an error."""
    from mcp.shared import exceptions

    return (getattr(exceptions, "McpError" if is_first_sdk() else "MCPError"),)


def parse_message(line: str) -> Any:
    """One JSON-RPC message; raises ``ValueError``."""
    from mcp import types
    from mcp.shared.message import SessionMessage

    if is_first_sdk():
        first: Any = types.JSONRPCMessage
        return SessionMessage(first.model_validate_json(line))
    return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))


def dump_message(message: Any) -> str:
    """A message as one line of JSON."""
    only = {"exclude_none": True} if is_first_sdk() else {"exclude_unset": True}
    line: str = message.message.model_dump_json(by_alias=True, **only)
    return line


def sdk_server(
    name: str,
    version: str,
    tools: Callable[[], Sequence[Mapping[str, Any]]],
    call: Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]],
) -> Any:
    """The SDK's low-level server over two functions: the tools' definitions, and a tool's result."""
    is_first = is_first_sdk()
    from mcp import types
    from mcp.server.lowlevel import Server

    def listed() -> list[Any]:
        return [types.Tool.model_validate(item) for item in tools()]

    async def called(tool: str, arguments: Mapping[str, Any] | None) -> Any:
        return types.CallToolResult.model_validate(await call(tool, arguments or {}))

    async def on_list(context: Any, parameters: Any) -> Any:
        return types.ListToolsResult(tools=listed())

    async def on_call(context: Any, parameters: Any) -> Any:
        return await called(parameters.name, parameters.arguments)

    if not is_first:
        return Server(name, version=version, on_list_tools=on_list, on_call_tool=on_call)
    server_class: Any = Server
    server = server_class(name, version)

    async def list_all() -> Any:
        return listed()

    server.list_tools()(list_all)
    server.call_tool(validate_input=False)(called)  # the kernel checks arguments itself
    return server
