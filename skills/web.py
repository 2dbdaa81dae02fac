"""Requests under rules: which addresses, how long, how much. The one module here that needs httpx."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from ssl import SSLContext

import httpx

from planloom.errors import ForbiddenUrlError, HttpRequestError, SkillError, TooLargeError
from planloom.skills.hosts import HostRule

__all__ = ["Web"]

MOST_REDIRECTS = 5


class Web:
    """Sends requests to the addresses that ``rules`` and ``schemes`` admit."""

    def __init__(
        self,
        rules: Sequence[HostRule],
        schemes: frozenset[str],
        headers: Mapping[str, str],
        timeout: float,
        max_bytes: int,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._rules, self._schemes, self._headers = rules, schemes, headers
        self._timeout, self._max_bytes, self._transport = timeout, max_bytes, transport
        # Reading the machine's certificates takes longer than most requests, so it is done once.
        self._verify: SSLContext | bool = True if transport else httpx.create_ssl_context()

    async def send(
        self, function: str, method: str, address: str, content: bytes | None = None, content_type: str = ""
    ) -> str:
        """The text of the answer; ``function`` is named in errors.

        Raises:
            ForbiddenUrlError: the address, or one that it redirects to, may not be asked.
            HttpRequestError: there is no answer, or it is not a success.
            TooLargeError: the answer is larger than the limit.
            SkillError: the answer is not text.
        """
        url = self._admitted(function, address)
        # Compressed, a short answer could unpack to one far above the limit.
        headers = {**self._headers, "Accept-Encoding": "identity"}
        if content is not None:
            headers["Content-Type"] = content_type
        try:
            async with asyncio.timeout(self._timeout), self._client() as client:
                request = client.build_request(method, url, content=content, headers=headers)
                return await self._answer(function, client, request)
        except (TimeoutError, httpx.TimeoutException):
            problem = f"there was no answer within {self._timeout:g} seconds."
        except httpx.HTTPError as error:
            problem = f"the server cannot be reached or broke off ({type(error).__name__})."
        # Raised here and not above: an error of httpx carries the request, and so the secret headers.
        raise HttpRequestError(function, _shown(url), problem)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=self._transport, verify=self._verify, timeout=self._timeout, follow_redirects=False
        )

    async def _answer(self, function: str, client: httpx.AsyncClient, request: httpx.Request) -> str:
        for _ in range(MOST_REDIRECTS + 1):
            response = await client.send(request, stream=True)
            try:
                if not response.has_redirect_location:
                    return await self._text(function, response)
                url = self._redirected(function, request, response.headers["location"])
            finally:
                await response.aclose()
            headers = {name: value for name, value in request.headers.items() if name != "host"}
            request = client.build_request("GET", url, headers=headers)
        raise HttpRequestError(
            function, _shown(request.url), f"it was redirected more than {MOST_REDIRECTS} times."
        )

    def _redirected(self, function: str, request: httpx.Request, location: str) -> httpx.URL:
        """Where ``request`` is redirected to, if that may be followed."""
        here = request.url
        if request.method != "GET":
            raise ForbiddenUrlError(function, _shown(here), "it redirects, and only Http.get follows that")
        there = here.join(location)
        self._check(function, there)
        if there.host != here.host:
            reason = f"it redirects to another host, {there.host}; ask that one itself"
            raise ForbiddenUrlError(function, _shown(here), reason)
        if (here.scheme, there.scheme) == ("https", "http"):
            raise ForbiddenUrlError(function, _shown(here), "it redirects from https to http")
        return there

    def _admitted(self, function: str, address: str) -> httpx.URL:
        if any(mark <= " " or mark in "\\\x7f" for mark in address):
            raise ForbiddenUrlError(function, "", "it holds white space, a control character or a backslash")
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL:
            raise ForbiddenUrlError(function, "", "it is no valid address") from None
        self._check(function, url)
        return url

    def _check(self, function: str, url: httpx.URL) -> None:
        if url.scheme not in self._schemes:
            allowed = " or ".join(f"{scheme}://" for scheme in sorted(self._schemes))
            raise ForbiddenUrlError(function, _shown(url), f"it must begin with {allowed}")
        if url.userinfo:
            raise ForbiddenUrlError(function, _shown(url), "it holds a user name or password")
        if not any(rule.admits(url.scheme, url.raw_host.decode(), url.port) for rule in self._rules):
            reason = "its host and port are not among the allowed_hosts of this HttpSkill"
            raise ForbiddenUrlError(function, _shown(url), reason)

    async def _text(self, function: str, response: httpx.Response) -> str:
        shown = _shown(response.request.url)
        if not response.is_success:
            status = response.status_code
            raise HttpRequestError(function, shown, f"the server answered {status}.", status)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise SkillError(function, f"cannot read {shown}: it answers compressed though not asked to.")
        data = bytearray()
        async for piece in response.aiter_bytes():
            data += piece
            if len(data) > self._max_bytes:
                raise TooLargeError(function, f"the answer of {shown}", self._max_bytes)
        try:
            return data.decode(response.charset_encoding or "utf-8")
        except (UnicodeError, LookupError) as error:
            raise SkillError(function, f"cannot read {shown}: the answer is not text.") from error


def _shown(url: httpx.URL) -> str:
    """The address for messages: without what may be secret, so no user, password, query or fragment."""
    return str(url.copy_with(username="", password="", query=None, fragment=None))
