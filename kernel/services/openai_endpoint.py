"""One URL of a server that takes chat completions: connections, retries and named errors."""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from planloom.errors import (
    ServiceAuthError,
    ServiceError,
    ServiceResponseError,
    ServiceTimeoutError,
    ServiceUnavailableError,
)
from planloom.services.openai_errors import error_for, may_pass
from planloom.services.retry import Backoff, retry_after_seconds

if TYPE_CHECKING:
    import httpx

__all__ = ["CHAT_PATH", "ChatEndpoint", "RetryRule", "api_url", "checked_key", "key_header", "masked"]

T = TypeVar("T")

CHAT_PATH = "/chat/completions"
LONGEST_ANSWER = 32 << 20


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often a request is sent again, how long is waited before, and by which clock and dice."""

    retries: int
    backoff: Backoff
    sleep: Callable[[float], Awaitable[None]]
    random: Callable[[], float]

    def wait(self, retry: int, refusal: _Refused) -> float | None:
        """Seconds to wait before retry number ``retry``, from 0; None if there shall be none."""
        if retry >= self.retries or not refusal.may_pass:
            return None
        return self.backoff.wait(retry, refusal.retry_after, self.random)


class _Refused(Exception):
    """A try that failed, with the error to raise if it was the last. Never leaves this module."""

    def __init__(self, error: ServiceError, may_pass: bool, retry_after: float | None = None) -> None:
        self.error, self.may_pass, self.retry_after = error, may_pass, retry_after
        super().__init__(str(error))


def api_url(service: str, base_url: str, path: str) -> str:
    """The URL for requests to ``path`` below ``base_url``.

    Raises:
        ServiceUnavailableError: it is not an http address, or it holds a user or a password.
    """
    parts = _split(base_url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ServiceUnavailableError(
            service, f"{base_url!r} is no base_url. It must be like http://localhost:8000/v1"
        )
    if "@" in parts.netloc:
        raise ServiceUnavailableError(
            service, "base_url must hold no user or password; give a key as api_key."
        )
    return base_url.rstrip("/").removesuffix(path) + path


def _split(url: str) -> Any:
    try:
        parts = urlsplit(url)
        return parts if parts.port is None or parts.port > 0 else None
    except ValueError:
        return None


def checked_key(service: str, key: str | SecretStr) -> SecretStr:
    """The key without the spaces and line breaks around it.

    Raises:
        ServiceAuthError: it holds characters that no header can carry. The key is not shown.
    """
    text = (key.get_secret_value() if isinstance(key, SecretStr) else key).strip()
    if not (text.isascii() and text.isprintable()):
        raise ServiceAuthError(
            service, "the key holds a line break or characters that no key has. Copy it again."
        )
    return SecretStr(text)


def key_header(key: SecretStr) -> dict[str, str]:
    """What sends the key; nothing without one."""
    text = key.get_secret_value()
    return {"authorization": f"Bearer {text}"} if text else {}


def masked(key: SecretStr, text: str) -> str:
    """What a server said, without the key."""
    secret = key.get_secret_value()
    return text.replace(secret, "***") if secret else text


class ChatEndpoint:
    """Sends requests to one URL. Every failure is a ``ServiceError``, and none shows the key.

    Redirects are not followed: they would carry the key and the prompt to an address that nobody named.
    """

    def __init__(
        self,
        service: str,
        model: str,
        url: str,
        key: SecretStr,
        *,
        headers: Mapping[str, str],
        timeout: float,
        retry: RetryRule,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._service, self._model, self.url, self._key = service, model, url, key
        self._headers, self._timeout = dict(headers), timeout
        self._retry, self._transport = retry, transport
        self._http: Any = importlib.import_module("httpx")
        self._trusted = None if transport else self._http.create_ssl_context()
        self._shared: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Share connections from now on, within this event loop."""
        self._shared = self._client()

    async def close(self) -> None:
        """Close the shared connections."""
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.aclose()

    async def post(self, body: Mapping[str, Any]) -> str:
        """Send ``body`` and read the whole answer."""
        async with self._connected() as client:

            async def whole() -> str:
                response = await self._respond(client, body)
                try:
                    with self._named():
                        return await self._read(response)
                finally:
                    await response.aclose()

            return await self._tried(whole)

    async def lines(self, body: Mapping[str, Any]) -> AsyncGenerator[str, None]:
        """Send ``body`` and give the answer line by line. Once it has begun, nothing is tried again."""
        async with self._connected() as client:
            response = await self._tried(lambda: self._respond(client, body))
            try:
                with self._named():
                    async for line in response.aiter_lines():
                        yield line
            except _Refused as refusal:
                raise refusal.error from refusal.__cause__
            finally:
                await response.aclose()

    def _client(self) -> httpx.AsyncClient:
        client: httpx.AsyncClient = self._http.AsyncClient(
            timeout=self._timeout,
            follow_redirects=False,
            transport=self._transport,
            verify=self._trusted if self._trusted is not None else True,
        )
        return client

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[httpx.AsyncClient]:
        if self._shared is not None:
            yield self._shared
            return
        async with self._client() as client:
            yield client

    async def _tried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        for retry in itertools.count():
            try:
                return await attempt()
            except _Refused as refusal:
                wait = self._retry.wait(retry, refusal)
                if wait is None:
                    raise refusal.error from refusal.__cause__
            await self._retry.sleep(wait)
        raise AssertionError("unreachable")

    async def _respond(self, client: httpx.AsyncClient, body: Mapping[str, Any]) -> httpx.Response:
        """A response that succeeded, its body not yet read."""
        with self._named():
            request = client.build_request(
                "POST", self.url, content=json.dumps(body), headers=self._request_headers()
            )
            response = await client.send(request, stream=True)
            if response.is_success:
                return response
            try:
                text = await self._read(response)
            finally:
                await response.aclose()
        raise self._refused(response, text)

    def _refused(self, response: httpx.Response, text: str) -> _Refused:
        status = response.status_code
        error = error_for(self._service, status, masked(self._key, text), url=self.url, model=self._model)
        return _Refused(error, may_pass(status), retry_after_seconds(response.headers.get("retry-after")))

    async def _read(self, response: httpx.Response) -> str:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > LONGEST_ANSWER:
                raise ServiceResponseError(
                    self._service,
                    f"the server's answer is over {LONGEST_ANSWER >> 20} MB; it is not read further",
                )
        return body.decode(errors="replace")

    def _request_headers(self) -> dict[str, str]:
        plain = {"content-type": "application/json", "accept": "application/json"}
        return plain | key_header(self._key) | self._headers

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Turn what goes wrong on the network into refusals with named errors."""
        http = self._http
        try:
            yield
        except http.ConnectTimeout as error:
            raise _Refused(self._unreachable("does not answer"), may_pass=True) from error
        except http.TimeoutException as error:
            silent = ServiceTimeoutError(
                self._service, f"{self.url} was silent for {self._timeout:g} s. Give a longer timeout."
            )
            raise _Refused(silent, may_pass=False) from error
        except http.ConnectError as error:
            raise _Refused(self._unreachable(f"cannot be reached ({error})"), may_pass=True) from error
        except http.TransportError as error:
            raise _Refused(self._unreachable(f"broke the connection off ({error})"), may_pass=True) from error
        except http.DecodingError as error:
            odd = ServiceResponseError(self._service, f"the answer of {self.url} is damaged ({error})")
            raise _Refused(odd, may_pass=False) from error

    def _unreachable(self, what: str) -> ServiceUnavailableError:
        return ServiceUnavailableError(
            self._service, f"{self.url} {what}. Is the server running, and is base_url right?"
        )
