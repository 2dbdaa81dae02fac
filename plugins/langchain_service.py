"""A LangChain chat model as a service of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from planloom.errors import (
    ServiceAuthError,
    ServiceError,
    ServiceResponseError,
    ServiceTimeoutError,
    ServiceUnavailableError,
)
from planloom.services.protocol import ChatMessage, Completion, CompletionChunk, FinishReason, Settings, Usage
from planloom.services.switch import require_model_requests

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["LangChainService"]

PASSED_ON = ("temperature", "top_p", "max_tokens", "seed", "presence_penalty", "frequency_penalty")
FINISHES: dict[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "content_filter": "content_filter",
    "SAFETY": "content_filter",
}
"""What vendors call the ends that are no plain end; LangChain hands their words through."""


class LangChainService:
    """A LangChain chat model behind planloom's protocol, with streaming and usage.

    Args:
        model: a ``BaseChatModel``.
        name: what the kernel calls it; the model's own name if left out.
        pass_settings: hand temperature and the like to the model at each call. Switch it off for a model
            that takes them only when it is made.
        context_tokens: how much the model takes, if that is known.
    """

    accepts_grammar = False

    def __init__(
        self,
        model: BaseChatModel,
        *,
        name: str | None = None,
        pass_settings: bool = True,
        context_tokens: int | None = None,
    ) -> None:
        self._model, self._pass_settings = model, pass_settings
        self.name: str = name or model.get_name()
        self.context_tokens = context_tokens

    async def complete(self, messages: Sequence[ChatMessage], settings: Settings) -> Completion:
        """Answer; raises a ``ServiceError``."""
        require_model_requests(self.name)
        try:
            async with asyncio.timeout(settings.timeout):
                answer = await self._model.ainvoke(_pairs(messages), **self._options(settings))
        except Exception as error:
            raise self._named(error, settings) from error
        return Completion(answer.text, _usage(answer) or Usage(calls=1), _finish(answer) or "stop")

    async def stream(
        self, messages: Sequence[ChatMessage], settings: Settings
    ) -> AsyncIterator[CompletionChunk]:
        """Answer piece by piece."""
        require_model_requests(self.name)
        usage, finish = None, None
        pieces: Any = self._model.astream(_pairs(messages), **self._options(settings))
        try:
            async with asyncio.timeout(settings.timeout), aclosing(pieces):
                async for piece in pieces:
                    found = _usage(piece)
                    usage = _joined(usage, found) if found else usage
                    finish = _finish(piece) or finish
                    if piece.text:
                        yield CompletionChunk(str(piece.text))
        except Exception as error:
            raise self._named(error, settings) from error
        yield CompletionChunk("", usage or Usage(calls=1), finish or "stop")

    def _options(self, settings: Settings) -> dict[str, Any]:
        stop = {"stop": list(settings.stop)} if settings.stop else {}
        if not self._pass_settings:
            return stop
        given = {name: getattr(settings, name) for name in PASSED_ON}
        return {**stop, **{key: one for key, one in given.items() if one is not None}, **settings.extra}

    def _named(self, error: Exception, settings: Settings) -> ServiceError:
        if isinstance(error, ServiceError):
            return error
        if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
            return ServiceTimeoutError(self.name, f"no answer in time ({settings.timeout} seconds allowed).")
        status = getattr(error, "status_code", None)
        said = f"{type(error).__name__}: {error}"
        if status in (401, 403):
            return ServiceAuthError(self.name, said)
        if "Connection" in type(error).__name__ or (
            isinstance(status, int) and (status == 429 or status >= 500)
        ):
            return ServiceUnavailableError(self.name, said)
        return ServiceResponseError(self.name, said)


def _pairs(messages: Sequence[ChatMessage]) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in messages]


def _joined(old: Usage | None, new: Usage) -> Usage:
    """Chunks carry what was used since the last one; it is one call all the same."""
    if old is None:
        return new
    return Usage(old.prompt_tokens + new.prompt_tokens, old.completion_tokens + new.completion_tokens, 1)


def _usage(message: Any) -> Usage | None:
    found = getattr(message, "usage_metadata", None)
    return Usage(found.get("input_tokens", 0), found.get("output_tokens", 0), 1) if found else None


def _finish(message: Any) -> FinishReason | None:
    metadata = message.response_metadata
    reason = metadata.get("finish_reason") or metadata.get("stop_reason") or metadata.get("done_reason")
    return FINISHES.get(str(reason), "stop") if reason else None
