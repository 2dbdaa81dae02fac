from __future__ import annotations

import asyncio
import gzip
import json
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planloom.errors import (
    ArgumentError,
    ForbiddenUrlError,
    HttpRequestError,
    MissingExtraError,
    RegistrationError,
    SkillError,
    TooLargeError,
)
from planloom.skills import HttpSkill

HOSTS = ["api.example.com", "*.wild.example.com", "localhost:8080", "[::1]:8080"]
SECRET = "s3cr3t-t0ken"

Handler = Callable[[httpx.Request], httpx.Response]


class Server:
    """Answers requests and remembers them."""

    def __init__(self, handler: Handler | None = None) -> None:
        self.handler = handler or (lambda request: httpx.Response(200, text="hello"))
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.handler(request)


def skill(server: Handler, **options: Any) -> HttpSkill:
    options = {"schemes": ("http", "https"), "headers": {"X-Key": SECRET}, **options}
    return HttpSkill(HOSTS, transport=httpx.MockTransport(server), **options)


def get(server: Handler, url: str, **options: Any) -> str:
    return asyncio.run(skill(server, **options).get(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/items?q=1",
        "http://api.example.com",
        "https://API.Example.COM:443/",
        "https://a.wild.example.com/",
        "https://a.b.wild.example.com/",
        "http://localhost:8080/x",
        "http://[::1]:8080/",
    ],
)
def test_allowed_addresses_are_asked(url: str) -> None:
    server = Server()
    assert get(server, url) == "hello"
    [request] = server.requests
    assert (request.method, request.headers["x-key"]) == ("GET", SECRET)
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "https://evil-api.example.com/",
        "https://api.example.com.evil.com/",
        "https://api.example.com./",
        "https://api.example.com:8443/",
        "https://api.example.com:0/",
        "https://wild.example.com/",
        "https://evilwild.example.com/",
        "http://localhost/",
        "http://localhost:8081/",
        "http://127.0.0.1:8080/",
        "http://127.1:8080/",
        "http://2130706433:8080/",
        "http://0x7f.1:8080/",
        "http://[::ffff:127.0.0.1]:8080/",
        "http://169.254.169.254/latest/meta-data/",
        "https://api.example.com@evil.com/",
        "https://evil.com#@api.example.com/",
        "https://evil.com?@api.example.com/",
        "https://evil.com%2f.wild.example.com.evil.com/",
        "https://evil.com\\@api.example.com/",
        "https://evil.com\t.wild.example.com/",
        " https://api.example.com/",
        "https://api.example.com/\r\nX: y",
        "https://user@api.example.com/",
        "https://user:pass@api.example.com/",
        "ftp://api.example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//api.example.com/",
        "api.example.com",
        "https://",
        "https:///x",
        "https://api.example.com:x/",
        "https://api.example.com:99999/",
        "https://\ud800/",
        "",
    ],
)
def test_all_other_addresses_are_refused_unasked(url: str) -> None:
    server = Server()
    http = skill(server)
    for call in (http.get(url), http.post(url, "x"), http.put(url, "x"), http.delete(url)):
        with pytest.raises(ForbiddenUrlError):
            asyncio.run(call)
    assert server.requests == []


@given(st.text(max_size=40))
def test_any_text_as_an_address_is_refused_by_name(url: str) -> None:
    server = Server()
    with pytest.raises(ForbiddenUrlError):
        get(server, url)


def test_https_is_the_only_scheme_unless_told() -> None:
    with pytest.raises(ForbiddenUrlError, match="must begin with https://"):
        get(Server(), "http://api.example.com/", schemes=("https",))


def test_a_refusal_says_why_and_shows_no_secrets() -> None:
    with pytest.raises(ForbiddenUrlError) as caught:
        get(Server(), "https://user:pass@evil.com/a?token=t0k#frag")
    assert str(caught.value) == ("Http.get may not ask https://evil.com/a: it holds a user name or password")
    with pytest.raises(ForbiddenUrlError, match="not among the allowed_hosts"):
        get(Server(), "https://evil.com/")


# --- sending ---


@pytest.mark.parametrize(
    ("body", "content_type", "sent", "sent_type"),
    [
        ("", "", b"", "text/plain; charset=utf-8"),
        ("é", "", "é".encode(), "text/plain; charset=utf-8"),
        ('{"a":1}', "application/json", b'{"a":1}', "application/json"),
        ({"a": [1, None]}, "", b'{"a": [1, null]}', "application/json"),
        (["é"], "application/ld+json", '["é"]'.encode(), "application/ld+json"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_body_is_sent(method: str, body: Any, content_type: str, sent: bytes, sent_type: str) -> None:
    server = Server()
    http = skill(server)
    call = http.post if method == "POST" else http.put
    assert asyncio.run(call("https://api.example.com/", body, content_type)) == "hello"
    [request] = server.requests
    assert (request.method, request.content, request.headers["content-type"]) == (method, sent, sent_type)


def test_delete_sends_no_body() -> None:
    server = Server()
    asyncio.run(skill(server).delete("https://api.example.com/7"))
    [request] = server.requests
    assert (request.method, request.content) == ("DELETE", b"")
    assert "content-type" not in request.headers


@pytest.mark.parametrize(
    ("body", "content_type", "parameter"),
    [
        ({"a": object()}, "", "body"),
        ([float("nan")], "", "body"),
        ("\ud800", "", "body"),
        ("x", "text/plain\r\nX-Key: other", "content_type"),
        ("x", "textё", "content_type"),
    ],
)
def test_a_body_that_cannot_be_sent_is_named(body: Any, content_type: str, parameter: str) -> None:
    server = Server()
    for call in (skill(server).post, skill(server).put):
        with pytest.raises(ArgumentError) as caught:
            asyncio.run(call("https://api.example.com/", body, content_type))
        assert caught.value.parameter == parameter
    assert server.requests == []


# --- answers ---


@pytest.mark.parametrize("status", [304, 400, 404, 500, 503])
def test_a_failure_is_named_with_its_status_and_not_its_text(status: int) -> None:
    with pytest.raises(HttpRequestError, match=f"the server answered {status}") as caught:
        get(lambda _: httpx.Response(status, text="internal"), "https://api.example.com/a?key=1")
    assert (caught.value.status, caught.value.url) == (status, "https://api.example.com/a")
    assert "internal" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "headers", "text"),
    [
        ("é".encode(), {}, "é"),
        (b"\xe9", {"content-type": "text/html; charset=latin-1"}, "é"),
        (b"", {}, ""),
        (b"a\r\n\tb", {}, "a\r\n\tb"),
    ],
)
def test_an_answer_is_decoded_by_its_charset(content: bytes, headers: dict[str, str], text: str) -> None:
    assert (
        get(lambda _: httpx.Response(200, content=content, headers=headers), "https://api.example.com/")
        == text
    )


@pytest.mark.parametrize(
    ("content", "headers", "message"),
    [
        (b"\xff\x00", {}, "the answer is not text"),
        (b"a", {"content-type": "text/plain; charset=nonsense"}, "the answer is not text"),
        (b"61", {"content-type": "text/plain; charset=hex"}, "the answer is not text"),
        (b"xn--\xff", {"content-type": "text/plain; charset=idna"}, "the answer is not text"),
        (gzip.compress(b"x" * 10**6), {"content-encoding": "gzip"}, "compressed"),
    ],
)
def test_an_answer_that_is_no_text_is_named(content: bytes, headers: dict[str, str], message: str) -> None:
    with pytest.raises(SkillError, match=message):
        get(lambda _: httpx.Response(200, content=content, headers=headers), "https://api.example.com/")


class Pieces(httpx.AsyncByteStream):
    """An endless answer; counts what was taken of it."""

    def __init__(self) -> None:
        self.taken, self.closed = 0, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.taken += 1
            yield b"x" * 100

    async def aclose(self) -> None:
        self.closed = True


def test_an_endless_answer_is_broken_off_at_the_limit() -> None:
    pieces = Pieces()
    with pytest.raises(TooLargeError, match="larger than 1000 bytes"):
        get(lambda _: httpx.Response(200, stream=pieces), "https://api.example.com/", max_bytes=1000)
    assert pieces.taken == 11
    assert pieces.closed


def test_an_answer_of_just_the_limit_is_read() -> None:
    assert get(lambda _: httpx.Response(200, text="x" * 1000), "https://api.example.com/", max_bytes=1000)


class Silent(httpx.AsyncBaseTransport):
    """A server that never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("it answered")


def test_silence_ends_with_the_timeout() -> None:
    http = HttpSkill(HOSTS, transport=Silent(), timeout=0.01)
    with pytest.raises(HttpRequestError, match=r"no answer within 0.01 seconds") as caught:
        asyncio.run(http.get("https://api.example.com/"))
    assert caught.value.status is None


def _raise(error: type[Exception], request: httpx.Request) -> httpx.Response:
    raise error(f"with {request.headers['x-key']}", request=request)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "error", [httpx.ConnectError, httpx.ReadError, httpx.ReadTimeout, httpx.LocalProtocolError]
)
def test_no_error_holds_the_headers(error: type[Exception]) -> None:
    with pytest.raises(HttpRequestError) as caught:
        get(lambda request: _raise(error, request), "https://api.example.com/?k=1")
    assert caught.value.__cause__ is caught.value.__context__ is None
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert SECRET not in shown
    assert "?k=1" not in str(caught.value)


def test_the_skill_itself_does_not_show_the_headers() -> None:
    assert SECRET not in repr(skill(Server()))


# --- redirects ---


def redirecting(location: str, status: int = 302) -> Server:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/start":
            return httpx.Response(status, headers={"location": location})
        return httpx.Response(200, text=str(request.url))

    return Server(answer)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/end", "https://api.example.com/end"),
        ("end?q=1", "https://api.example.com/end?q=1"),
        ("https://api.example.com/end", "https://api.example.com/end"),
    ],
)
def test_redirects_on_the_same_host_are_followed(location: str, url: str, status: int) -> None:
    server = redirecting(location, status)
    assert get(server, "https://api.example.com/start") == url
    assert [request.headers["x-key"] for request in server.requests] == [SECRET, SECRET]


def test_a_redirect_from_http_to_https_is_followed() -> None:
    server = redirecting("https://api.example.com/end")
    assert get(server, "http://api.example.com/start") == "https://api.example.com/end"


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("https://evil.com/", "not among the allowed_hosts"),
        ("//evil.com/", "not among the allowed_hosts"),
        ("https://a.wild.example.com/", "redirects to another host, a.wild.example.com; ask that one itself"),
        ("http://api.example.com/end", "redirects from https to http"),
        ("https://u:p@api.example.com/", "user name or password"),
        ("https://api.example.com:8443/", "not among the allowed_hosts"),
        ("file:///etc/passwd", "must begin with"),
    ],
)
def test_redirects_elsewhere_are_refused_unasked(location: str, message: str) -> None:
    server = redirecting(location)
    with pytest.raises(ForbiddenUrlError, match=message):
        get(server, "https://api.example.com/start")
    assert len(server.requests) == 1


def test_a_redirect_to_nonsense_is_named() -> None:
    with pytest.raises(HttpRequestError, match="cannot be reached or broke off"):
        get(redirecting("https://api.example.com:x/"), "https://api.example.com/start")


def test_a_redirect_in_a_circle_ends() -> None:
    server = redirecting("/start")
    with pytest.raises(HttpRequestError, match="redirected more than 5 times"):
        get(server, "https://api.example.com/start")
    assert len(server.requests) == 6


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_writes_are_never_redirected(method: str) -> None:
    server = redirecting("/end", 307)
    with pytest.raises(ForbiddenUrlError, match=r"only Http.get follows"):
        asyncio.run(getattr(skill(server), method)("https://api.example.com/start"))
    assert len(server.requests) == 1


# --- setting up ---


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        "example.com",
        [""],
        ["*"],
        ["*."],
        ["a.*.com"],
        ["**.example.com"],
        ["https://example.com"],
        ["example.com/path"],
        ["example.com:x"],
        ["example.com:99999"],
        ["user@example.com"],
        ["bücher.example"],
        ["example.com?x"],
        ["exam ple.com"],
    ],
)
def test_a_rule_that_is_no_host_is_refused(hosts: Any) -> None:
    with pytest.raises(RegistrationError, match="HttpSkill"):
        HttpSkill(hosts, transport=httpx.MockTransport(Server()))


@pytest.mark.parametrize("schemes", [(), ("ftp",), ("https", "file"), "https"])
def test_other_schemes_are_refused(schemes: Any) -> None:
    with pytest.raises(RegistrationError, match="schemes are"):
        HttpSkill(["example.com"], schemes=schemes)


def test_a_name_with_other_letters_is_matched_by_its_xn_form() -> None:
    http = HttpSkill(["xn--bcher-kva.example"], transport=httpx.MockTransport(Server()))
    assert asyncio.run(http.get("https://bücher.example/")) == "hello"


def test_without_httpx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.delitem(sys.modules, "planloom.skills.web", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'planloom\[http\]'"):
        HttpSkill(["example.com"])


async def _serve_once(answer: bytes, ask: Callable[[int], Any]) -> str:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(reply, "127.0.0.1", 0)
    async with server:
        text: str = await ask(server.sockets[0].getsockname()[1])
    return text


def test_a_real_server_is_asked() -> None:
    body = json.dumps({"a": 1}).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    async def ask(port: int) -> str:
        http = HttpSkill([f"127.0.0.1:{port}"], schemes=("http",))
        return await http.get(f"http://127.0.0.1:{port}/")

    assert asyncio.run(_serve_once(answer, ask)) == '{"a": 1}'


def test_a_server_that_is_not_there_is_named() -> None:
    async def ask(port: int) -> str:
        http = HttpSkill([f"127.0.0.1:{port}"], schemes=("http",))
        with pytest.raises(HttpRequestError, match="cannot be reached or broke off"):
            await http.get(f"http://127.0.0.1:{port}/")
        return ""

    asyncio.run(_serve_once(b"nonsense\r\n\r\n", ask))
