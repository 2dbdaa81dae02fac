"""Models behind small protocols: a local one, any OpenAI-compatible server, and a script for tests."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from planloom.services.protocol import (
    ChatMessage,
    ChatService,
    Completion,
    CompletionChunk,
    EmbeddingService,
    SchemaService,
    ScoringService,
    Settings,
    Usage,
)
from planloom.services.scripted import ScriptedService
from planloom.services.switch import allow_model_requests

if TYPE_CHECKING:
    from planloom.services.embeddings_llama import LlamaEmbeddingService
    from planloom.services.embeddings_local import LocalEmbeddingService
    from planloom.services.embeddings_openai import OpenAIEmbeddingService
    from planloom.services.llama import LlamaService
    from planloom.services.openai import OpenAIService

__all__ = [
    "ChatMessage",
    "ChatService",
    "Completion",
    "CompletionChunk",
    "EmbeddingService",
    "LlamaEmbeddingService",
    "LlamaService",
    "LocalEmbeddingService",
    "OpenAIEmbeddingService",
    "OpenAIService",
    "SchemaService",
    "ScoringService",
    "ScriptedService",
    "Settings",
    "Usage",
    "allow_model_requests",
]


# Imported on first use: their modules are larger than the rest of the package together.
LAZY = {
    "LlamaEmbeddingService": "planloom.services.embeddings_llama",
    "LlamaService": "planloom.services.llama",
    "LocalEmbeddingService": "planloom.services.embeddings_local",
    "OpenAIEmbeddingService": "planloom.services.embeddings_openai",
    "OpenAIService": "planloom.services.openai",
}


def __getattr__(name: str) -> Any:
    if name in LAZY:
        return getattr(importlib.import_module(LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
