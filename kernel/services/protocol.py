"""What the kernel asks of a model: messages and settings in; text, usage and finish reason out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

__all__ = [
    "AnsweringService",
    "ChatMessage",
    "ChatService",
    "Completion",
    "CompletionChunk",
    "EmbeddingService",
    "FinishReason",
    "Role",
    "SchemaService",
    "ScoringService",
    "Settings",
    "Usage",
]

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "content_filter", "cancelled"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Settings:
    """How a completion is made; what is None is left to the service.

    ``max_tokens`` counts generated tokens. ``grammar`` is GBNF text and only given to a service whose
    ``accepts_grammar`` is true; ``json_schema`` only to one whose ``accepts_schema`` is. ``extra`` goes to
    the service as it is.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    grammar: str | None = None
    json_schema: Mapping[str, Any] | None = None
    timeout: float | None = None
    """Seconds."""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens used, and by how many calls of a model."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.calls + other.calls,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's whole answer."""

    text: str
    usage: Usage = Usage()
    finish_reason: FinishReason = "stop"


@dataclass(frozen=True, slots=True)
class CompletionChunk:
    """A piece of an answer while it is written; the last one carries usage and finish reason."""

    text: str
    usage: Usage | None = None
    finish_reason: FinishReason | None = None


@runtime_checkable
class ChatService(Protocol):
    """A model that answers messages. Safe to be called by many tasks at once.

    ``context_tokens`` is None when the service does not know its model's limit.
    """

    @property
    def name(self) -> str: ...

    @property
    def accepts_grammar(self) -> bool: ...

    @property
    def context_tokens(self) -> int | None: ...

    async def complete(self, messages: Sequence[ChatMessage], settings: Settings) -> Completion:
        """Answer; raises a ``ServiceError``. Cancelling the awaiting task stops the model."""
        ...

    def stream(self, messages: Sequence[ChatMessage], settings: Settings) -> AsyncIterator[CompletionChunk]:
        """Answer piece by piece. Closing the iterator stops the model."""
        ...


@runtime_checkable
class SchemaService(Protocol):
    """A model that can perhaps answer in JSON that follows a schema. Many servers can."""

    @property
    def accepts_schema(self) -> bool: ...


@runtime_checkable
class ScoringService(Protocol):
    """A model that can say how likely it finds a text. Local models can; most servers cannot."""

    async def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """The log-likelihood of each continuation right after ``prompt``: natural log, summed over tokens."""
        ...


@runtime_checkable
class AnsweringService(Protocol):
    """A model that can say how likely it finds answers, beside giving one. Local models can."""

    async def likelihoods(
        self, messages: Sequence[ChatMessage], answers: Sequence[str], settings: Settings
    ) -> list[float]:
        """The log-likelihood of each answer to ``messages``: natural log, summed over tokens.

        A last message of the role assistant is the start of the answer; an empty answer stands for its end.
        """
        ...


@runtime_checkable
class EmbeddingService(Protocol):
    """A model that maps texts to vectors of one fixed dimension."""

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text, in order."""
        ...
