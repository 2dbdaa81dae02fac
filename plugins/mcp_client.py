"""MCP: a server's tools as functions, its prompts as prompt functions, its resources as values."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from planloom.decorator import Effect
from planloom.errors import RegistrationError
from planloom.function import KernelFunction
from planloom.names import check_name
from planloom.parameter import REQUIRED, Parameter
from planloom.plugins.background_loop import BackgroundLoop
from planloom.plugins.foreign_text import one_line
from planloom.plugins.identifiers import distinct_names, identifier
from planloom.plugins.mcp_connection import Connection
from planloom.plugins.mcp_pins import Approve, Pins
from planloom.plugins.mcp_process import ProcessTransport
from planloom.plugins.mcp_sdk import is_first_sdk
from planloom.plugins.mcp_session import McpSession
from planloom.plugins.mcp_tool import McpTool
from planloom.plugins.mcp_transport import HttpTransport, Transport
from planloom.skill import Skill

if TYPE_CHECKING:
    from planloom.kernel import Kernel

__all__ = ["McpServer"]


class McpServer:
    """An MCP server. It is started or asked on first use, and again after it was lost.

    Made by ``McpServer.stdio(...)`` or ``McpServer.http(...)``; ``close()`` it, or use it in a ``with``.
    What a server says of its tools is never taken as an instruction: descriptions are shortened to a line,
    pinned by a hash of the whole, and a tool that changes is refused until it is approved again.

    Args:
        transport: the way to it.
        pins: a file that remembers which tools were approved; only this object remembers if left out.
        approve: asked about a tool that is new or has changed since it was approved; refused if left out.
        timeout: seconds that one answer may take.
        max_bytes: how long a result may be, as JSON.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        pins: str | Path | None = None,
        approve: Approve | None = None,
        timeout: float = 60.0,
        max_bytes: int = 10_000_000,
    ) -> None:
        self._key = transport.key
        self._loop = BackgroundLoop("planloom-mcp")
        self._session = McpSession(
            Connection(transport, timeout, max_bytes),
            Pins(transport.key, Path(pins) if pins else None, approve),
            max_bytes,
        )
        atexit.register(self.close)  # for those who forget; a process must not outlive this one

    @classmethod
    def stdio(
        cls,
        command: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        **options: Any,
    ) -> Self:
        """A server to start as a process; it is given ``env`` and a few harmless variables, no others."""
        return cls(ProcessTransport(command, arguments, env or {}, Path(cwd) if cwd else None), **options)

    @classmethod
    def http(cls, url: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> Self:
        """A server at an address, over streamable HTTP."""
        return cls(HttpTransport(url, headers or {}), **options)

    # -- what it has -----------------------------------------------------------------------------------

    async def skill(
        self,
        name: str | None = None,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        effects: Mapping[str, Effect] | None = None,
        descriptions: Mapping[str, str] | None = None,
        json_text: Sequence[str] = (),
    ) -> Skill:
        """The approved tools as a skill.

        A tool that says ``readOnlyHint`` is a read, every other one a write. A server may lie: ``effects``
        says what single tools do in truth, and ``descriptions`` what they are for, by the tool's own name.
        A tool without structured results gives text; ``json_text`` are patterns of the tools whose text is
        JSON, which is then read.

        Raises:
            ServerLostError: the server cannot be started or asked.
            RegistrationError: it has no tool that may be used.
        """
        listed = await self._loop.run(self._session.approved_tools())
        chosen = [tool for tool in listed if _is_chosen(tool.name, include, exclude)]
        if not chosen:
            raise RegistrationError(
                f"{self._key} has no tool that may be used: look at include, exclude and approve."
            )
        skill = check_name(name or identifier(self._session.server_name or "Mcp", "mcp"), "skill")
        names = distinct_names({tool.name: tool.name for tool in chosen}, "tool")
        said = {tool.name: tool.description for tool in chosen} | dict(descriptions or {})
        functions = [
            self._function(
                skill,
                names[tool.name],
                tool,
                said[tool.name],
                (effects or {}).get(tool.name),
                is_json=_matches(tool.name, json_text),
            )
            for tool in chosen
        ]
        return self._skill(skill, functions)

    def skill_sync(self, name: str | None = None, **options: Any) -> Skill:
        """``skill`` for scripts and notebooks."""
        from planloom.sync import run_sync

        return run_sync(self.skill(name, **options))

    async def prompt_skill(self, kernel: Kernel, name: str | None = None) -> Skill:
        """The server's prompts as prompt functions: it writes the messages, the kernel's model answers."""
        listed = await self._loop.run(self._session.pages("prompts"))
        own_name = f"{self._session.server_name or 'Mcp'} prompts"
        skill = check_name(name or identifier(own_name, "mcp"), "skill")
        names = distinct_names({prompt["name"]: prompt["name"] for prompt in listed}, "prompt")
        functions = [self._prompt_function(kernel, skill, names[item["name"]], item) for item in listed]
        return self._skill(skill, functions)

    async def tools(self) -> tuple[McpTool, ...]:
        """Every tool as the server describes it now, approved or not; ``text`` is all that it says."""
        return tuple((await self._loop.run(self._session.tools())).values())

    async def resources(self) -> list[dict[str, Any]]:
        """What can be read, as the server lists it: ``uri``, ``name``, ``mimeType`` and more."""
        return await self._loop.run(self._session.pages("resources"))

    async def read_resource(self, uri: str) -> str | list[dict[str, Any]]:
        """A resource: its text, or its parts as they are if it is not one text."""
        from pydantic import AnyUrl

        async def request(session: Any) -> Any:
            return await session.read_resource(AnyUrl(uri) if is_first_sdk() else uri)

        parts = (await self._loop.run(self._session.ask("read_resource", request)))["contents"]
        if len(parts) == 1 and isinstance(parts[0].get("text"), str):
            text: str = parts[0]["text"]
            return text
        return list(parts)

    def resource_skill(self, name: str = "Resources") -> Skill:
        """A skill with one function, ``read(uri)``."""
        function = KernelFunction(
            skill=check_name(name, "skill"),
            name="read",
            target=self.read_resource,
            description="Read a resource of the server by its URI.",
            effect="read",
            idempotent=True,
            declared_parameters=(Parameter("uri", str, "The resource's URI"),),
            declared_returns=Any,
        )
        return Skill(name, "", {"read": function})

    # -- ending ----------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the session, and the process if one was started."""
        atexit.unregister(self.close)
        if self._loop.is_running:
            self._loop.run_blocking(self._session.close())
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    # -- functions -------------------------------------------------------------------------------------

    def _skill(self, name: str, functions: Sequence[KernelFunction]) -> Skill:
        by_name = {function.name: function for function in functions}
        return Skill(name, one_line(self._session.server_name), by_name)

    def _function(
        self, skill: str, name: str, tool: McpTool, description: str, effect: Effect | None, *, is_json: bool
    ) -> KernelFunction:
        full_name = f"{skill}.{name}"

        async def call(**arguments: Any) -> Any:
            return await self._loop.run(self._session.call(full_name, tool, arguments, is_json))

        return KernelFunction(
            skill=skill,
            name=name,
            target=call,
            description=description,
            effect=effect or tool.effect,
            idempotent=tool.idempotent,
            declared_parameters=tool.parameters,
            declared_returns=tool.returns,
        )

    def _prompt_function(
        self, kernel: Kernel, skill: str, name: str, prompt: Mapping[str, Any]
    ) -> KernelFunction:
        full_name = f"{skill}.{name}"

        async def call(**arguments: Any) -> str:
            messages = await self._loop.run(self._session.messages(full_name, prompt["name"], arguments))
            return (await kernel.complete(messages)).text

        return KernelFunction(
            skill=skill,
            name=name,
            target=call,
            description=one_line(prompt.get("description")),
            kind="prompt",
            effect="none",
            declared_parameters=tuple(_prompt_parameters(prompt.get("arguments") or [])),
            declared_returns=str,
        )


def _prompt_parameters(arguments: Sequence[Mapping[str, Any]]) -> list[Parameter]:
    names = distinct_names({item["name"]: item["name"] for item in arguments}, "value")
    made = [
        Parameter(
            name=names[item["name"]],
            annotation=str if item.get("required") else str | None,
            description=one_line(item.get("description")),
            default=REQUIRED if item.get("required") else None,
            key=item["name"],
        )
        for item in arguments
    ]
    return sorted(made, key=lambda parameter: not parameter.required)


def _is_chosen(name: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    return (not include or _matches(name, include)) and not _matches(name, exclude)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)
