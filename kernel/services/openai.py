"""A model behind any server that speaks OpenAI's chat-completions protocol."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import random as dice
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from planloom.errors import GrammarError, MissingExtraError, ServiceResponseError, ServiceTimeoutError
from planloom.services.openai_endpoint import CHAT_PATH, ChatEndpoint, RetryRule, api_url, checked_key
from planloom.services.openai_wire import (
    GrammarStyle,
    MaxTokensField,
    SchemaStyle,
    event_data,
    parse_answer,
    parse_chunk,
    parse_json,
    request_body,
)
from planloom.services.protocol import ChatMessage, Completion, CompletionChunk, FinishReason, Settings, Usage
from planloom.services.retry import Backoff
from planloom.services.switch import require_model_requests
from planloom.services.usage import estimate_usage

if TYPE_CHECKING:
    import httpx

__all__ = ["OpenAIService"]

T = TypeVar("T")

DEFAULT_URL = "https://api.openai.com/v1"
DONE = "[DONE]"


class OpenAIService:
    """A model on a server: OpenAI's, or any that offers ``/chat/completions`` (vLLM, llama.cpp, Ollama, ...).

    Args:
        model: the model's name on that server.
        base_url: the address up to and including the version, such as ``http://localhost:8000/v1``; if left
            out, the environment variable OPENAI_BASE_URL, else OpenAI's own.
        api_key: the key; if left out, the environment variable OPENAI_API_KEY. Without one, none is sent, as
            local servers want it. The key is never logged, nor shown in an error or a repr.
        name: the service's name in errors and events; the model's if left out.
        timeout: seconds that the server may be silent. ``settings.timeout`` limits a whole call.
        retries: how often a call is tried again after 429, 5xx or a lost connection.
        backoff: how long to wait before each retry.
        grammar: how the server takes a grammar; None if it takes none. ``"llama.cpp"`` is its own server,
            ``"vllm"`` is vLLM from 0.12 on, with xgrammar, ``"sglang"`` is SGLang with xgrammar.
        schema: how the server takes a JSON schema for answers; None if it takes none. ``"json_schema"`` is
            OpenAI's way, which most servers take too; ``"json_object"`` that of llama-cpp-python's server.
        context_tokens: the model's context, if known: planners fit their prompts to it.
        max_tokens_field: what the server calls the limit of tokens; OpenAI's newer models want
            ``"max_completion_tokens"``.
        headers: sent with every request.
        transport, sleep, random: the network, the waiting and the jitter, for tests.

    Within ``async with service:`` calls share connections. Otherwise each makes its own, and any number of
    event loops may use the service.

    Raises:
        MissingExtraError: httpx is not installed.
        ServiceUnavailableError: ``base_url`` is no address.
        ServiceAuthError: the key holds characters that cannot be sent.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | SecretStr | None = None,
        name: str | None = None,
        timeout: float = 120.0,
        retries: int = 3,
        backoff: Backoff | None = None,
        grammar: GrammarStyle | None = None,
        schema: SchemaStyle | None = None,
        context_tokens: int | None = None,
        max_tokens_field: MaxTokensField = "max_tokens",
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = dice.random,
    ) -> None:
        if importlib.util.find_spec("httpx") is None:
            raise MissingExtraError("httpx", "http", "OpenAIService")
        self._model, self._name = model, name or model
        self._grammar, self._schema, self._max_tokens_field = grammar, schema, max_tokens_field
        self._context_tokens = context_tokens
        self._endpoint = ChatEndpoint(
            self._name,
            model,
            api_url(self._name, base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_URL, CHAT_PATH),
            checked_key(self._name, api_key or os.environ.get("OPENAI_API_KEY") or ""),
            headers=headers or {},
            timeout=timeout,
            retry=RetryRule(retries, backoff or Backoff(), sleep, random),
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"OpenAIService({self._model!r}, name={self._name!r}, url={self._endpoint.url!r})"

    @property
    def name(self) -> str:
        return self._name

    @property
    def accepts_grammar(self) -> bool:
        return self._grammar is not None

    @property
    def accepts_schema(self) -> bool:
        return self._schema is not None

    @property
    def context_tokens(self) -> int | None:
        return self._context_tokens

    async def __aenter__(self) -> OpenAIService:
        await self._endpoint.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._endpoint.close()

    async def complete(self, messages: Sequence[ChatMessage], settings: Settings) -> Completion:
        """Answer ``messages``.

        Raises:
            ServiceAuthError: the server refuses the key (401, 403).
            ModelNotFoundError: the server has no such model.
            ContextLengthError: the server says that the prompt is too long.
            ServiceUnavailableError: no connection, 429 or 5xx, after all retries.
            ServiceTimeoutError: the server was silent for too long, or ``settings.timeout`` has passed.
            ServiceResponseError: the answer is not what the protocol promises.
            GrammarError: ``settings.grammar`` is given, and the service was made for a server without.
        """
        body = self._body(messages, settings, stream=False)
        text = await self._in_time(self._endpoint.post(body), _deadline(settings))
        answer = parse_answer(self._name, parse_json(self._name, text))
        usage = answer.usage or estimate_usage(messages, answer.text)
        return Completion(answer.text, usage, answer.finish_reason or "stop")

    async def stream(
        self, messages: Sequence[ChatMessage], settings: Settings
    ) -> AsyncIterator[CompletionChunk]:
        """Answer ``messages`` piece by piece; raises as ``complete`` does, and when the answer breaks off.

        Closing the iterator closes the connection, on which servers stop the model.
        """
        body = self._body(messages, settings, stream=True)
        text, usage, reason = "", None, None
        async with aclosing(self._events(body, _deadline(settings))) as events:
            async for chunk in events:
                text, usage, reason = text + chunk.text, chunk.usage or usage, chunk.finish_reason or reason
                if chunk.text:
                    yield CompletionChunk(chunk.text)
        yield self._last(messages, text, usage, reason)

    def _last(
        self, messages: Sequence[ChatMessage], text: str, usage: Usage | None, reason: FinishReason | None
    ) -> CompletionChunk:
        return CompletionChunk("", usage or estimate_usage(messages, text), reason or "stop")

    def _body(self, messages: Sequence[ChatMessage], settings: Settings, *, stream: bool) -> dict[str, Any]:
        require_model_requests(self._name)
        if settings.grammar is not None and self._grammar is None:
            raise GrammarError(
                self._name,
                "this service was made for a server that takes none. If yours does, say how: "
                "OpenAIService(..., grammar='llama.cpp'), 'vllm' or 'sglang'",
                settings.grammar,
            )
        if settings.json_schema is not None and self._schema is None:
            raise GrammarError(
                self._name,
                "this service was made for a server that takes no JSON schema. If yours does, say how: "
                "OpenAIService(..., schema='json_schema') or 'json_object'",
                json.dumps(settings.json_schema),
            )
        return request_body(
            self._model,
            messages,
            settings,
            grammar_style=self._grammar,
            schema_style=self._schema,
            max_tokens_field=self._max_tokens_field,
            stream=stream,
        )

    async def _events(
        self, body: Mapping[str, Any], deadline: float | None
    ) -> AsyncGenerator[CompletionChunk, None]:
        """The events of a streamed answer, up to its end marker."""
        ended = False
        async with aclosing(self._endpoint.lines(body)) as lines:
            while (line := await self._in_time(anext(lines, None), deadline)) is not None:
                data = event_data(line)
                if data == DONE:
                    return
                if data is not None:
                    chunk = parse_chunk(self._name, parse_json(self._name, data))
                    ended = ended or chunk.finish_reason is not None
                    yield chunk
        if not ended:
            raise ServiceResponseError(self._name, "the server's answer broke off before its end")

    async def _in_time(self, awaitable: Awaitable[T], deadline: float | None) -> T:
        try:
            async with asyncio.timeout_at(deadline):
                return await awaitable
        except TimeoutError as error:
            raise ServiceTimeoutError(
                self._name, "the answer was not finished in the time that settings.timeout allows"
            ) from error


def _deadline(settings: Settings) -> float | None:
    """When the call must be finished, on the event loop's clock."""
    return None if settings.timeout is None else asyncio.get_running_loop().time() + settings.timeout
