"""MCP the other way: a kernel's functions, stored plans among them, as tools of an MCP server."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from planloom.errors import ArgumentError, FunctionNotFoundError
from planloom.function import KernelFunction
from planloom.kernel import Kernel
from planloom.planners.catalogue import offered
from planloom.plugins.foreign_text import one_line
from planloom.plugins.mcp_sdk import sdk_server

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["McpService", "mcp_app", "serve_http", "serve_stdio"]

LOCAL = ("127.0.0.1", "localhost", "[::1]")


class McpService:
    """A kernel's functions as MCP tools, named ``Skill.function``; what they do is told in annotations.

    Args:
        kernel: whose functions; those registered later are tools too.
        name: what clients call the server.
        include: patterns on ``Skill.function``; all if left out.
        exclude: patterns of what is left out; it wins.
        read_only: leave out every function that writes.
    """

    def __init__(
        self,
        kernel: Kernel,
        *,
        name: str = "planloom",
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        read_only: bool = False,
    ) -> None:
        self.kernel, self.name = kernel, name
        self._include, self._exclude, self._read_only = include, exclude, read_only

    def functions(self) -> dict[str, KernelFunction]:
        """The functions that are offered, by tool name."""
        chosen = offered(self.kernel.functions, self._include, self._exclude)
        return {
            name: item for name, item in chosen.items() if not (self._read_only and item.effect == "write")
        }

    def definitions(self) -> list[dict[str, Any]]:
        """The tools as MCP has them."""
        return [_definition(name, function) for name, function in self.functions().items()]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """A tool's result as MCP has it. A failure is one too, so that the client's model reads it."""
        try:
            function = self.functions().get(name)
            if function is None:
                raise FunctionNotFoundError(name)
            value = await self.kernel.call(function, function.bind(arguments))
            return _result(value)
        except (ArgumentError, FunctionNotFoundError) as error:
            return _failure(str(error))
        except Exception as error:  # noqa: BLE001 - whatever a function raises is told to the one who called it
            return _failure(f"{name} failed: {type(error).__name__}: {error}")

    def sdk_server(self) -> Any:
        """The official SDK's low-level server over this service."""
        from planloom import __version__

        return sdk_server(self.name, __version__, self.definitions, self.call)


def _definition(name: str, function: KernelFunction) -> dict[str, Any]:
    writes = function.effect == "write"
    return {
        "name": name,
        "description": one_line(function.description, 2000) or name,
        "inputSchema": function.schema,
        "annotations": {
            "readOnlyHint": not writes,
            "destructiveHint": writes,
            "idempotentHint": function.idempotent or not writes,
            "openWorldHint": function.effect != "none",
        },
    }


def _result(value: Any) -> dict[str, Any]:
    from pydantic import TypeAdapter
    from pydantic_core import PydanticSerializationError

    try:
        plain = TypeAdapter(Any).dump_python(value, mode="json")
    except (PydanticSerializationError, ValueError, RecursionError):
        plain = str(value)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    made: dict[str, Any] = {"content": [{"type": "text", "text": text}]}
    return {**made, "structuredContent": plain} if isinstance(plain, dict) else made


def _failure(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": True}


async def serve_stdio(service: McpService) -> None:
    """Serve one client over standard input and output, until it closes them.

    What functions print goes to standard error: standard output belongs to the protocol.
    """
    server = service.sdk_server()
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (incoming, outgoing):
        with contextlib.redirect_stdout(sys.stderr):
            await server.run(incoming, outgoing, server.create_initialization_options())


def mcp_app(service: McpService, *, path: str = "/mcp", hosts: Sequence[str] = LOCAL) -> Starlette:
    """The service as an ASGI application, over streamable HTTP.

    A request that names another host than ``hosts`` is refused: a web page could otherwise have a browser
    call a server that listens on this machine only (DNS rebinding).
    """
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.server.transport_security import TransportSecuritySettings
    from starlette.applications import Starlette
    from starlette.routing import Route

    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[*hosts, *(f"{host}:*" for host in hosts)],
        allowed_origins=[f"http://{host}:*" for host in hosts],
    )
    manager = StreamableHTTPSessionManager(app=service.sdk_server(), security_settings=security)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    return Starlette(routes=[Route(path, _Endpoint(manager))], lifespan=lifespan)


class _Endpoint:
    """Starlette takes an object that is an ASGI application; a function would be called with a request."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._manager.handle_request(scope, receive, send)


async def serve_http(service: McpService, host: str, port: int, *, hosts: Sequence[str] = ()) -> None:
    """Serve at ``http://host:port/mcp`` until cancelled.

    ``hosts`` are further names that requests may call this machine by: for ``0.0.0.0``, its own.
    """
    import uvicorn

    app = mcp_app(service, hosts=list(dict.fromkeys([*LOCAL, host, *hosts])))
    config = uvicorn.Config(app, host=host, port=port, log_level="warning")
    await uvicorn.Server(config).serve()
