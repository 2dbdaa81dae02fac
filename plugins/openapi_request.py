"""Arguments written into a request, in the styles that OpenAPI names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from planloom.errors import ArgumentError
from planloom.plugins.openapi_body import Body, Input

__all__ = ["RequestParts", "parts_of"]

Primitive = str | int | float | bool | None
SEPARATORS = {"spaceDelimited": " ", "pipeDelimited": "|"}


@dataclass
class RequestParts:
    """A request before it is sent: the path with its values, and the rest as httpx takes it."""

    path: str
    query: list[tuple[str, Primitive]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    content: bytes | None = None
    files: list[tuple[str, tuple[str | None, bytes]]] | None = None


def parts_of(
    function: str,
    path: str,
    values: list[tuple[Input, Any]],
    body: Body | None,
    fields: list[tuple[Input, Any]],
) -> RequestParts:
    """The parts of a request. A value of None is not sent.

    Raises:
        ArgumentError: a value cannot stand where it has to.
    """
    parts = RequestParts(path)
    for item, value in values:
        if value is not None or item.place == "path":
            _place(function, parts, item, value)
    if parts.cookies:
        parts.headers["Cookie"] = "; ".join(parts.cookies)
    given = [(item, value) for item, value in fields if value is not None]
    if body is not None and (given or body.required):
        _write_body(function, parts, body, given)
    return parts


def _place(function: str, parts: RequestParts, item: Input, value: Any) -> None:
    if item.place == "path":
        parts.path = parts.path.replace(f"{{{item.name}}}", _in_path(function, item, value))
    elif item.place == "query":
        parts.query.extend(_pairs(item, value))
    elif item.place == "header":
        parts.headers[item.name] = _header_safe(function, item, _joined(item, value, ","))
    else:
        pairs = (f"{quote(name)}={quote(text)}" for name, text in _pairs(item, value))
        parts.cookies.extend(pairs)


def _in_path(function: str, item: Input, value: Any) -> str:
    if item.style == "label":
        text = "." + _joined(item, value, "." if item.explode else ",", quoted=True)
    elif item.style == "matrix":
        pairs = _pairs(item, value) if item.explode else [(item.name, _joined(item, value, ","))]
        text = "".join(f";{quote(name, safe='')}={quote(one, safe=',')}" for name, one in pairs)
    else:
        text = _joined(item, value, ",", quoted=True)
    if text in ("", ".", ".."):
        # It would name another path: of the whole collection, or of what is above it.
        raise ArgumentError(function, item.name, f"stands in the path {item.name!r} and must not be {text!r}")
    return text


def _joined(item: Input, value: Any, separator: str, *, quoted: bool = False) -> str:
    write = (lambda text: quote(text, safe="")) if quoted else str
    if item.style == "json":
        return write(_json(value))
    if isinstance(value, Mapping):
        link = "=" if item.explode else separator
        return separator.join(f"{write(str(key))}{link}{write(_text(one))}" for key, one in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return separator.join(write(_text(one)) for one in value)
    return write(_text(value))


def _pairs(item: Input, value: Any) -> Iterator[tuple[str, str]]:
    """Name and text as they stand in a query or a form."""
    if item.style == "json":
        yield item.name, _json(value)
    elif isinstance(value, Mapping) and item.style == "deepObject":
        for key, one in value.items():
            several = one if isinstance(one, list) else [one]
            yield from ((f"{item.name}[{key}]", _text(part)) for part in several)
    elif isinstance(value, Mapping) and item.explode:
        yield from ((str(key), _text(one)) for key, one in value.items())
    elif isinstance(value, list | tuple | set | frozenset) and item.explode:
        yield from ((item.name, _text(one)) for one in value)
    else:
        yield item.name, _joined(item, value, SEPARATORS.get(item.style, ","))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _json(value) if isinstance(value, bool | dict | list) else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _header_safe(function: str, item: Input, text: str) -> str:
    if not text.isascii() or any(not mark.isprintable() for mark in text):
        raise ArgumentError(function, item.name, "stands in a header, so it must be printable ASCII")
    return text


def _write_body(function: str, parts: RequestParts, body: Body, given: list[tuple[Input, Any]]) -> None:
    if body.encoding == "multipart":
        parts.files = [(item.name, (None, _bytes(function, item, _text(value)))) for item, value in given]
        return
    parts.headers["Content-Type"] = body.media_type
    parts.content = _encoded(function, body, given)


def _encoded(function: str, body: Body, given: list[tuple[Input, Any]]) -> bytes:
    if body.encoding == "json":
        value = given[0][1] if body.whole and given else {item.name: one for item, one in given}
        try:
            return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise ArgumentError(function, "body", f"cannot be written as JSON: {error}") from None
    if body.encoding == "form":
        whole = body.whole and given and isinstance(given[0][1], Mapping)
        pairs = given[0][1] if whole else {item.name: one for item, one in given}
        return urlencode({key: _text(one) for key, one in pairs.items()}).encode()
    return b"".join(_bytes(function, item, _text(value)) for item, value in given)


def _bytes(function: str, item: Input, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(function, item.name, f"cannot be UTF-8 (character {error.start})") from None
