"""Doors to the outside: what others made callable becomes a skill, and what is here becomes theirs.

Each name is imported on first use, and with it the packages that its door needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planloom.plugins.mcp_client import McpServer as McpServer
    from planloom.plugins.mcp_server import McpService as McpService
    from planloom.plugins.openapi import openapi_skill as openapi_skill
    from planloom.plugins.openapi_auth import api_key as api_key
    from planloom.plugins.openapi_auth import basic as basic
    from planloom.plugins.openapi_auth import bearer as bearer

_HOME = {
    "api_key": "openapi_auth",
    "basic": "openapi_auth",
    "bearer": "openapi_auth",
    "McpServer": "mcp_client",
    "McpService": "mcp_server",
    "openapi_skill": "openapi",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value
