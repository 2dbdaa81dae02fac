"""Doors to the outside: what others made callable becomes a skill, and what is here becomes theirs.

Each name is imported on first use, and with it the packages that its door needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planloom.plugins.langchain import langchain_skill as langchain_skill
    from planloom.plugins.langchain import langchain_tool as langchain_tool
    from planloom.plugins.langchain_service import LangChainService as LangChainService
    from planloom.plugins.mcp_client import McpServer as McpServer
    from planloom.plugins.mcp_server import McpService as McpService
    from planloom.plugins.openapi import openapi_skill as openapi_skill
    from planloom.plugins.openapi_auth import api_key as api_key
    from planloom.plugins.openapi_auth import basic as basic
    from planloom.plugins.openapi_auth import bearer as bearer
    from planloom.plugins.python import python_skill as python_skill
    from planloom.plugins.ray_runner import RayRunner as RayRunner
    from planloom.plugins.semantic_kernel import kernel_from_semantic_kernel as kernel_from_semantic_kernel
    from planloom.plugins.semantic_kernel import semantic_kernel_skill as semantic_kernel_skill
    from planloom.plugins.semantic_kernel_export import semantic_kernel_plugin as semantic_kernel_plugin
    from planloom.plugins.semantic_kernel_service import SemanticKernelService as SemanticKernelService
    from planloom.plugins.sql import Statement as Statement
    from planloom.plugins.sql import sql_skill as sql_skill
    from planloom.plugins.temporal import TemporalEngine as TemporalEngine

_HOMES = {
    "langchain": ("langchain_skill", "langchain_tool"),
    "ray_runner": ("RayRunner",),
    "temporal": ("TemporalEngine",),
    "langchain_service": ("LangChainService",),
    "mcp_client": ("McpServer",),
    "mcp_server": ("McpService",),
    "openapi": ("openapi_skill",),
    "openapi_auth": ("api_key", "basic", "bearer"),
    "python": ("python_skill",),
    "semantic_kernel": ("kernel_from_semantic_kernel", "semantic_kernel_skill"),
    "semantic_kernel_export": ("semantic_kernel_plugin",),
    "semantic_kernel_service": ("SemanticKernelService",),
    "sql": ("Statement", "sql_skill"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "LangChainService",
    "McpServer",
    "McpService",
    "RayRunner",
    "SemanticKernelService",
    "Statement",
    "TemporalEngine",
    "api_key",
    "basic",
    "bearer",
    "kernel_from_semantic_kernel",
    "langchain_skill",
    "langchain_tool",
    "openapi_skill",
    "python_skill",
    "semantic_kernel_plugin",
    "semantic_kernel_skill",
    "sql_skill",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value
