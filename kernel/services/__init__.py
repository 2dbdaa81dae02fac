"""Models behind small protocols: a local one, any OpenAI-compatible server, and a script for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planloom.services.protocol import (
    ChatMessage,
    ChatService,
    Completion,
    CompletionChunk,
    EmbeddingService,
    ScoringService,
    Settings,
    Usage,
)
from planloom.services.scripted import ScriptedService
from planloom.services.switch import allow_model_requests

if TYPE_CHECKING:
    from planloom.services.llama import LlamaService
    from planloom.services.openai import OpenAIService

__all__ = [
    "ChatMessage",
    "ChatService",
    "Completion",
    "CompletionChunk",
    "EmbeddingService",
    "LlamaService",
    "OpenAIService",
    "ScoringService",
    "ScriptedService",
    "Settings",
    "Usage",
    "allow_model_requests",
]


def __getattr__(name: str) -> Any:
    # Imported on first use: their modules are larger than the rest of the package together.
    if name == "LlamaService":
        from planloom.services.llama import LlamaService

        return LlamaService
    if name == "OpenAIService":
        from planloom.services.openai import OpenAIService

        return OpenAIService
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
