"""Pins: which tools of a server were approved, by the hash of all that it said of them."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from planloom.errors import RegistrationError
from planloom.plugins.errors import ChangedToolError
from planloom.plugins.mcp_tool import McpTool

__all__ = ["Approve", "Pins", "ToolChange"]


@dataclass(frozen=True)
class ToolChange:
    """A tool that is new or says something else: ``pinned`` is the approved hash, None for a new tool."""

    server: str
    tool: McpTool
    pinned: str | None


Approve = Callable[[ToolChange], bool | Awaitable[bool]]
"""Shows a person what a tool says now (``change.tool.text``); true approves it."""


class Pins:
    """The approved tools of one server.

    The tools that a server has when it is first met are approved by whoever adds it. After that, one that
    changes must be approved again, and a new one must be approved.
    """

    def __init__(self, server: str, path: Path | None, approve: Approve | None) -> None:
        self._server, self._path, self._approve = server, path, approve
        self._approved: dict[str, str] | None = _read(path).get(server) if path else None

    async def admit(self, tools: Iterable[McpTool]) -> list[McpTool]:
        """The tools that are approved, after asking about those that are not; the others are left out."""
        tools = list(tools)
        if self._approved is None:
            self._approve_all(tools)
            return tools
        return [tool for tool in tools if await self._admits(tool)]

    async def check(self, function: str, name: str, tool: McpTool | None) -> None:
        """Raise ``ChangedToolError`` unless the tool is what was approved, or is approved now."""
        pinned = (self._approved or {}).get(name, "")
        if tool is None:
            raise ChangedToolError(function, pinned, "", "nothing: the server has no such tool any more")
        if not await self._admits(tool):
            raise ChangedToolError(function, pinned, tool.fingerprint, tool.text)

    async def _admits(self, tool: McpTool) -> bool:
        approved = self._approved or {}
        pinned = approved.get(tool.name)
        if pinned == tool.fingerprint:
            return True
        if self._approve is None:
            return False
        answer = self._approve(ToolChange(self._server, tool, pinned))
        if not (await answer if inspect.isawaitable(answer) else answer):
            return False
        self._approved = {**approved, tool.name: tool.fingerprint}
        self._write()
        return True

    def _approve_all(self, tools: list[McpTool]) -> None:
        self._approved = {tool.name: tool.fingerprint for tool in tools}
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        whole = {**_read(self._path), self._server: self._approved}
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        draft.write_text(json.dumps(whole, indent=1, sort_keys=True), encoding="utf-8")
        draft.replace(self._path)


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RegistrationError(f"{path} holds no pins: {error}. Mend it or remove it.", path) from None
    if not isinstance(found, dict) or not all(isinstance(pins, dict) for pins in found.values()):
        raise RegistrationError(f"{path} holds no pins. Mend it or remove it.", path)
    return found
