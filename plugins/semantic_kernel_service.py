"""A chat service of semantic-kernel as one of ours, and so every vendor that it has a connector for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

from planloom.errors import (
    MissingExtraError,
    ServiceAuthError,
    ServiceError,
    ServiceResponseError,
    ServiceTimeoutError,
    ServiceUnavailableError,
)
from planloom.services.protocol import ChatMessage, Completion, CompletionChunk, FinishReason, Settings, Usage
from planloom.services.switch import require_model_requests

if TYPE_CHECKING:
    from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
    from semantic_kernel.connectors.ai.prompt_execution_settings import PromptExecutionSettings

__all__ = ["SemanticKernelService"]

FIELDS = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens"),
    "stop": ("stop", "stop_sequences"),
    "seed": ("seed",),
    "presence_penalty": ("presence_penalty",),
    "frequency_penalty": ("frequency_penalty",),
}
"""Our settings, and what the connectors call them."""
FINISHES: dict[str, FinishReason] = {"length": "length", "content_filter": "content_filter"}


class SemanticKernelService:
    """A semantic-kernel chat service behind planloom's protocol, with streaming and usage.

    Args:
        service: a ``ChatCompletionClientBase``: OpenAI, Azure, Anthropic, Google, Ollama and others.
        name: what the kernel calls it; its own ``service_id`` if left out.
        settings: execution settings that every request starts from; what a prompt sets wins. A setting that
            the connector has no field for is not sent.
        context_tokens: how much the model takes, if that is known.
    """

    accepts_grammar = False

    def __init__(
        self,
        service: ChatCompletionClientBase,
        *,
        name: str | None = None,
        settings: PromptExecutionSettings | None = None,
        context_tokens: int | None = None,
    ) -> None:
        self._service, self._settings = service, settings
        self.name: str = name or service.service_id or service.ai_model_id
        self.context_tokens = context_tokens

    async def complete(self, messages: Sequence[ChatMessage], settings: Settings) -> Completion:
        """Answer; raises a ``ServiceError``."""
        require_model_requests(self.name)
        request = self._request(settings)
        with self._named_errors(settings.timeout):
            async with asyncio.timeout(settings.timeout):
                found = await self._service.get_chat_message_contents(_history(messages), request)
        if not found:
            raise ServiceResponseError(self.name, "the service gave no answer.")
        answer = found[0]
        return Completion(str(answer), _usage(answer) or Usage(calls=1), _finish(answer) or "stop")

    async def stream(
        self, messages: Sequence[ChatMessage], settings: Settings
    ) -> AsyncIterator[CompletionChunk]:
        """Answer piece by piece."""
        require_model_requests(self.name)
        usage, finish = Usage(calls=1), None
        pieces = self._service.get_streaming_chat_message_contents(
            _history(messages), self._request(settings)
        )
        with self._named_errors(settings.timeout):
            async with asyncio.timeout(settings.timeout), aclosing(pieces):
                async for choices in pieces:
                    if not choices:
                        continue
                    usage, finish = _usage(choices[0]) or usage, _finish(choices[0]) or finish
                    if text := str(choices[0]):
                        yield CompletionChunk(text)
        yield CompletionChunk("", usage, finish or "stop")

    def _request(self, settings: Settings) -> Any:
        kind = self._service.get_prompt_execution_settings_class()
        request = self._settings.model_copy(deep=True) if self._settings else kind()
        for ours, theirs in FIELDS.items():
            value = getattr(settings, ours)
            field = next((name for name in theirs if name in kind.model_fields), None)
            if field and value is not None and value != ():
                setattr(request, field, list(value) if ours == "stop" else value)
        for key, value in settings.extra.items():
            setattr(request, key, value)
        return request

    @contextmanager
    def _named_errors(self, timeout: float | None) -> Iterator[None]:
        try:
            from semantic_kernel.exceptions import KernelException
        except ImportError as error:
            raise MissingExtraError("semantic-kernel", "semantic-kernel", "SemanticKernelService") from error
        try:
            yield
        except TimeoutError:
            raise ServiceTimeoutError(self.name, f"no answer within {timeout} seconds.") from None
        except KernelException as error:
            raise self._named(error) from error

    def _named(self, error: Exception) -> ServiceError:
        """Our error for theirs, by the HTTP status that the vendor's package left in it."""
        causes = [error.__cause__, *error.args]
        status = next(
            (code for cause in causes if isinstance(code := getattr(cause, "status_code", None), int)), 0
        )
        kinds = [type(cause).__name__ for cause in causes]
        if status in (401, 403):
            return ServiceAuthError(self.name, f"the server refuses the key: {error}")
        if status == 429 or status >= 500 or any("Connection" in kind for kind in kinds):
            return ServiceUnavailableError(self.name, f"{error}")
        if any("Timeout" in kind for kind in kinds):
            return ServiceTimeoutError(self.name, f"{error}")
        return ServiceResponseError(self.name, f"{error}")


def _history(messages: Sequence[ChatMessage]) -> Any:
    from semantic_kernel.contents import ChatHistory

    history = ChatHistory()
    for message in messages:
        history.add_message({"role": message.role, "content": message.content})
    return history


def _usage(content: Any) -> Usage | None:
    found = content.metadata.get("usage")
    if found is None:
        return None
    return Usage(getattr(found, "prompt_tokens", 0) or 0, getattr(found, "completion_tokens", 0) or 0, 1)


def _finish(content: Any) -> FinishReason | None:
    reason = content.finish_reason
    return FINISHES.get(str(getattr(reason, "value", reason)), "stop") if reason else None
