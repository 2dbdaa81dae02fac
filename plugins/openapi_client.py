"""Sends an operation's requests to one server, and reads what comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ssl import SSLContext
from typing import Any

import httpx

from planloom.errors import TooLargeError
from planloom.plugins.address import shown_address
from planloom.plugins.errors import ApiStatusError, ApiUnreachableError, DoorResultError, RedirectRefusedError
from planloom.plugins.openapi_auth import Auth
from planloom.plugins.openapi_request import RequestParts

__all__ = ["ApiClient"]

MOST_REDIRECTS = 5
ERROR_BYTES = 64_000


@dataclass(frozen=True)
class ApiClient:
    """One server. ``timeout`` is in seconds and for a whole request, ``max_bytes`` the longest answer."""

    server: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 30.0
    max_bytes: int = 10_000_000
    transport: httpx.AsyncBaseTransport | None = None

    @cached_property
    def _verify(self) -> SSLContext | bool:
        # Reading the machine's certificates takes longer than most requests, so it is done once.
        return True if self.transport or self.server.startswith("http:") else httpx.create_ssl_context()

    async def send(self, function: str, method: str, parts: RequestParts, auths: tuple[Auth, ...]) -> Any:
        """The answer as a value: JSON parsed, other text as it is, None when there is none.

        Raises:
            ApiStatusError: the answer is a failure.
            ApiUnreachableError: there was no answer.
            RedirectRefusedError: the server sends the caller elsewhere.
            TooLargeError: the answer is longer than ``max_bytes``.
            DoorResultError: the answer is not what it says it is.
        """
        address = self.server.rstrip("/") + parts.path
        try:
            async with asyncio.timeout(self.timeout), self._connected() as client:
                request = client.build_request(
                    method,
                    httpx.URL(address),
                    params=parts.query or None,
                    # Compressed, a short answer could unpack to one far above the limit.
                    headers={"Accept-Encoding": "identity", **self.headers, **parts.headers},
                    content=parts.content,
                    files=parts.files,
                )
                for auth in auths:
                    await auth(request)
                return await self._answer(function, client, request)
        except (TimeoutError, httpx.TimeoutException):
            problem = f"none came within {self.timeout:g} seconds."
        except httpx.InvalidURL as error:
            problem = f"the address cannot be asked ({error})."
        except httpx.HTTPError as error:
            problem = f"it cannot be reached, or broke off ({type(error).__name__})."
        # Raised here and not above: an error of httpx carries the request, and so its keys.
        raise ApiUnreachableError(function, shown_address(address), problem)

    def _connected(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=self.transport, verify=self._verify, timeout=self.timeout, follow_redirects=False
        )

    async def _answer(self, function: str, client: httpx.AsyncClient, request: httpx.Request) -> Any:
        for _ in range(MOST_REDIRECTS + 1):
            response = await client.send(request, stream=True)
            try:
                if not response.has_redirect_location:
                    return await self._read(function, response)
                request.url = self._target(function, request, response.headers["location"])
            finally:
                await response.aclose()
        raise RedirectRefusedError(function, _shown(request.url), "the same server", "it does so without end")

    def _target(self, function: str, request: httpx.Request, location: str) -> httpx.URL:
        here = request.url
        try:
            there = here.join(location)
        except httpx.InvalidURL:
            raise RedirectRefusedError(function, _shown(here), "no address", "it is not one") from None
        if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
            reason = "it is another server. If you trust it, give it as server=..."
            raise RedirectRefusedError(function, _shown(here), _shown(there), reason)
        if request.method not in ("GET", "HEAD"):
            raise RedirectRefusedError(function, _shown(here), _shown(there), "only reads are sent twice")
        return there

    async def _read(self, function: str, response: httpx.Response) -> Any:
        url = _shown(response.request.url)
        if not response.is_success:
            body = await _limited(response, ERROR_BYTES)
            hint = "give auth=... to openapi_skill" if response.status_code == 401 else ""
            raise ApiStatusError(function, url, response.status_code, _lenient(body[:ERROR_BYTES]), hint)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise DoorResultError(function, f"cannot read {url}: it answers compressed though not asked to.")
        data = await _limited(response, self.max_bytes)
        if len(data) > self.max_bytes:
            raise TooLargeError(function, f"the answer of {url}", self.max_bytes)
        return _value(
            function, url, data, response.headers.get("content-type", ""), response.charset_encoding
        )


async def _limited(response: httpx.Response, limit: int) -> bytes:
    """The answer, or a little more than ``limit`` bytes of it."""
    data = bytearray()
    async for piece in response.aiter_bytes():
        data += piece
        if len(data) > limit:
            break
    return bytes(data)


def _lenient(data: bytes) -> Any:
    text = data.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _value(function: str, url: str, data: bytes, media_type: str, charset: str | None) -> Any:
    if not data:
        return None
    essence = media_type.partition(";")[0].strip().lower()
    try:
        text = data.decode(charset or "utf-8")
        return json.loads(text) if essence.endswith(("/json", "+json")) else text
    except (UnicodeError, LookupError):
        problem = f"its bytes are not the text that it says ({media_type or 'no type given'})."
    except (ValueError, RecursionError) as error:
        problem = f"it is not the JSON that it says: {error}."
    raise DoorResultError(function, f"cannot read {url}: {problem}")


def _shown(url: httpx.URL) -> str:
    """The address for messages: without what may be secret, so no user, password, query or fragment."""
    return str(url.copy_with(username="", password="", query=None, fragment=None))
