"""Who calls an API: what is put into a request to say so. A secret is text, or a callable that gives it."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import httpx

__all__ = ["Auth", "Secret", "api_key", "basic", "bearer"]

Secret = str | Callable[[], str | Awaitable[str]]
"""A secret, or what gives it: asked before each request, so that a token can be renewed."""

Auth = Callable[["httpx.Request"], Awaitable[None]]
"""Puts what identifies the caller into a request that is about to be sent."""


def bearer(token: Secret) -> Auth:
    """``Authorization: Bearer …``, for plain tokens, OAuth 2 and OpenID Connect; providers renew it."""

    async def apply(request: httpx.Request) -> None:
        request.headers["Authorization"] = f"Bearer {await _given(token)}"

    return apply


def basic(user: str, password: Secret) -> Auth:
    """``Authorization: Basic …`` (RFC 7617, in UTF-8)."""

    async def apply(request: httpx.Request) -> None:
        pair = f"{user}:{await _given(password)}".encode()
        request.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"

    return apply


def api_key(key: Secret, name: str, place: Literal["header", "query", "cookie"] = "header") -> Auth:
    """A key in a header, the query or a cookie called ``name``."""

    async def apply(request: httpx.Request) -> None:
        value = await _given(key)
        if place == "query":
            request.url = request.url.copy_merge_params({name: value})
        elif place == "cookie":
            others = request.headers.get("cookie")
            request.headers["Cookie"] = f"{others}; {name}={value}" if others else f"{name}={value}"
        else:
            request.headers[name] = value

    return apply


async def _given(secret: Secret) -> str:
    value = secret() if callable(secret) else secret
    return await value if inspect.isawaitable(value) else value
