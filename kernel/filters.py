"""Filters: an onion of ``async (context, next)`` around functions, prompts and model calls.

The first filter added is the outermost. A filter that does not await ``next(context)`` blocks the call; one
that sets ``context.result`` replaces its outcome.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from planloom.function import KernelFunction
from planloom.services.protocol import ChatMessage, ChatService, Completion, Settings

if TYPE_CHECKING:
    from planloom.kernel import Kernel

__all__ = ["Filter", "FilterKind", "FunctionContext", "ModelContext", "PromptContext", "run_onion"]

FilterKind = Literal["function", "prompt", "model"]


@dataclass(slots=True)
class FunctionContext:
    """A function call on its way: ``arguments`` by Python name may be changed before ``next``."""

    kernel: Kernel
    function: KernelFunction
    arguments: dict[str, Any]
    result: Any = None


@dataclass(slots=True)
class PromptContext:
    """A prompt on its way to a model: ``messages`` are set once the template is rendered, inside ``next``."""

    kernel: Kernel
    function: KernelFunction
    variables: dict[str, Any]
    messages: tuple[ChatMessage, ...] = ()
    result: Any = None


@dataclass(slots=True)
class ModelContext:
    """One request of a model; ``result`` is its completion."""

    kernel: Kernel
    service: ChatService
    messages: Sequence[ChatMessage]
    settings: Settings = field(default_factory=Settings)
    result: Completion | None = None


C = TypeVar("C")
Filter = Callable[[Any, Callable[[Any], Awaitable[None]]], Awaitable[None]]


async def run_onion(filters: Sequence[Filter], context: C, core: Callable[[C], Awaitable[None]]) -> None:
    """Run ``core`` inside the filters, first one outermost."""

    async def layer(depth: int, inner: C) -> None:
        if depth == len(filters):
            await core(inner)
        else:
            await filters[depth](inner, lambda passed: layer(depth + 1, passed))

    await layer(0, context)
