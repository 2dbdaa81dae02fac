"""``HttpSkill``: requests to hosts that were allowed, and to no others."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from planloom.decorator import kernel_function
from planloom.errors import ArgumentError, MissingExtraError, RegistrationError
from planloom.prompts.escaping import text_of
from planloom.skills.hosts import read_rules

if TYPE_CHECKING:
    import httpx

    from planloom.skills.web import Web

__all__ = ["HttpSkill"]

Url = Annotated[str, "The address, as in https://api.example.com/items"]
Body = Annotated[str | dict[str, Any] | list[Any], "What to send: text as it is, an object or a list as JSON"]
ContentType = Annotated[str, "The body's media type; empty for text/plain, or application/json if it is JSON"]


class HttpSkill:
    """Reads and sends data over HTTP, to allowed hosts only.

    An address is judged by the host that it names, never by what that name resolves to. Redirects are
    followed for ``get`` only, only on the same host, and never from https to http. Every function may raise
    a ``ForbiddenUrlError``, an ``HttpRequestError`` and a ``TooLargeError``. No error holds the headers.
    """

    skill_name = "Http"

    def __init__(
        self,
        allowed_hosts: Collection[str],
        *,
        schemes: Collection[str] = ("https",),
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        max_bytes: int = 1_000_000,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Ask only ``allowed_hosts``.

        Args:
            allowed_hosts: ``"api.example.com"``, ``"*.example.com"`` (every host below it) or
                ``"localhost:8080"``; without a port only the scheme's usual one is allowed.
            schemes: ``"https"``, ``"http"`` or both.
            headers: sent with every request, to every allowed host. For a secret of one host, register a
                second HttpSkill of its own.
            timeout: seconds for a whole request, redirects included.
            max_bytes: how long an answer may be.
            transport: what carries the requests; for tests.

        Raises:
            MissingExtraError: httpx is not installed.
            RegistrationError: there are no hosts, or a host or scheme is not one.
        """
        if isinstance(schemes, str) or not schemes or not set(schemes) <= {"http", "https"}:
            raise RegistrationError('HttpSkill: schemes are ("https",), ("http",) or both.', schemes)
        rules, web = read_rules(allowed_hosts), _web_class()
        self._web: Web = web(rules, frozenset(schemes), dict(headers or {}), timeout, max_bytes, transport)

    @kernel_function(effect="read")
    async def get(self, url: Url) -> str:
        """Read a web address and give back its text."""
        return await self._web.send("Http.get", "GET", text_of(url))

    @kernel_function(effect="write")
    async def post(self, url: Url, body: Body = "", content_type: ContentType = "") -> str:
        """Send data to a web address with POST and give back the answer's text."""
        content, media_type = _encoded("Http.post", body, text_of(content_type))
        return await self._web.send("Http.post", "POST", text_of(url), content, media_type)

    @kernel_function(effect="write", idempotent=True)
    async def put(self, url: Url, body: Body = "", content_type: ContentType = "") -> str:
        """Store data at a web address with PUT and give back the answer's text."""
        content, media_type = _encoded("Http.put", body, text_of(content_type))
        return await self._web.send("Http.put", "PUT", text_of(url), content, media_type)

    @kernel_function(effect="write", idempotent=True)
    async def delete(self, url: Url) -> str:
        """Delete what is at a web address and give back the answer's text."""
        return await self._web.send("Http.delete", "DELETE", text_of(url))


def _web_class() -> type[Web]:
    try:
        from planloom.skills.web import Web
    except ImportError as error:
        raise MissingExtraError("httpx", "http", "HttpSkill") from error
    return Web


def _encoded(function: str, body: object, content_type: str) -> tuple[bytes, str]:
    """The body's bytes and media type."""
    if not content_type.isascii() or not content_type.isprintable():
        raise ArgumentError(function, "content_type", "must be a media type such as application/json")
    if isinstance(body, str):
        return _utf8(function, body), content_type or "text/plain; charset=utf-8"
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(function, "body", f"cannot be written as JSON: {error}") from error
    return _utf8(function, text), content_type or "application/json"


def _utf8(function: str, text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ArgumentError(
            function, "body", f"cannot be written in UTF-8 (character {error.start})"
        ) from error
