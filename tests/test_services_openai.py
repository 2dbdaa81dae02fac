"""OpenAIService against a scripted network: what is sent, and every way in which a server can fail."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from planloom.errors import (
    ContextLengthError,
    GrammarError,
    MissingExtraError,
    ModelNotFoundError,
    ModelRequestBlocked,
    ServiceAuthError,
    ServiceError,
    ServiceResponseError,
    ServiceTimeoutError,
    ServiceUnavailableError,
)
from planloom.services import (
    ChatMessage,
    ChatService,
    Completion,
    CompletionChunk,
    OpenAIService,
    Settings,
    Usage,
    allow_model_requests,
)
from planloom.services.retry import Backoff, retry_after_seconds

HELLO = [ChatMessage("system", "Be short."), ChatMessage("user", "Hello")]
KEY = "sk-secret-0123456789"
Reply = httpx.Response | Exception
Handler = Callable[[httpx.Request], Reply]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with allow_model_requests(True):
        yield


class Server:
    """Replies in order (the last one for ever), and remembers requests and waits."""

    def __init__(self, *replies: Reply) -> None:
        self.replies, self.requests, self.waits = list(replies), list[httpx.Request](), list[float]()

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def service(self, **options: Any) -> OpenAIService:
        given = {"base_url": "http://llm.test/v1", "api_key": KEY, "random": lambda: 1.0, **options}
        transport = httpx.MockTransport(self.handle)
        return OpenAIService("tiny", transport=transport, sleep=self.sleep, **given)

    def ask(self, settings: Settings | None = None, **options: Any) -> Completion:
        return asyncio.run(self.service(**options).complete(HELLO, settings or Settings()))

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.requests[-1].content)
        return body


def answer(text: str = "Hi", **fields: Any) -> httpx.Response:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    return httpx.Response(200, json={"choices": [choice], "usage": usage, **fields})


def failure(status: int, message: str = "no", **fields: Any) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": message, **fields}})


def events(*datas: object, done: bool = True) -> httpx.Response:
    lines = [data if isinstance(data, str) else f"data: {json.dumps(data)}" for data in datas]
    return httpx.Response(200, text="\n\n".join([*lines, "data: [DONE]"] if done else lines) + "\n\n")


def delta(text: str | None, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}], **fields}


def collect(service: OpenAIService, settings: Settings | None = None) -> list[CompletionChunk]:
    async def run() -> list[CompletionChunk]:
        return [chunk async for chunk in service.stream(HELLO, settings or Settings())]

    return asyncio.run(run())


class TestRequests:
    def test_it_is_a_chat_service(self) -> None:
        assert isinstance(Server(answer()).service(), ChatService)

    def test_a_call_sends_the_messages_and_the_key_and_reads_the_answer(self) -> None:
        server = Server(answer("Hello."))
        assert server.ask() == Completion("Hello.", Usage(9, 2, 1), "stop")
        [request] = server.requests
        assert str(request.url) == "http://llm.test/v1/chat/completions"
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert server.body == {
            "model": "tiny",
            "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hello"}],
        }

    def test_settings_are_sent_by_the_protocols_names(self) -> None:
        server = Server(answer())
        server.ask(
            Settings(
                temperature=0.0,
                top_p=0.9,
                max_tokens=5,
                stop=("END",),
                seed=1,
                presence_penalty=0.1,
                frequency_penalty=0.2,
                extra={"top_k": 3, "seed": 2},
            )
        )
        assert {name: value for name, value in server.body.items() if name not in ("model", "messages")} == {
            "temperature": 0.0,
            "top_p": 0.9,
            "max_tokens": 5,
            "stop": ["END"],
            "seed": 2,
            "presence_penalty": 0.1,
            "frequency_penalty": 0.2,
            "top_k": 3,
        }

    def test_the_limits_name_can_be_that_of_newer_models(self) -> None:
        server = Server(answer())
        server.ask(Settings(max_tokens=5), max_tokens_field="max_completion_tokens")
        assert server.body["max_completion_tokens"] == 5
        assert "max_tokens" not in server.body

    @pytest.mark.parametrize(
        ("style", "field", "value"),
        [
            ("llama.cpp", "grammar", "root ::= [a-z]"),
            ("vllm", "structured_outputs", {"grammar": "root ::= [a-z]"}),
            ("sglang", "ebnf", "root ::= [a-z]"),
        ],
    )
    def test_a_grammar_is_sent_as_the_server_wants_it(self, style: str, field: str, value: object) -> None:
        server = Server(answer())
        server.ask(Settings(grammar="root ::= [a-z]"), grammar=style)
        assert server.body[field] == value
        assert server.service(grammar=style).accepts_grammar

    def test_a_grammar_for_a_server_that_takes_none_is_refused_before_the_call(self) -> None:
        server = Server(answer())
        with pytest.raises(GrammarError, match=r"grammar='llama\.cpp'"):
            server.ask(Settings(grammar="root ::= [a-z]"))
        assert not server.requests
        assert not server.service().accepts_grammar

    def test_text_that_is_no_unicode_can_be_sent(self) -> None:
        server = Server(answer())
        asyncio.run(server.service().complete([ChatMessage("user", "\ud800 赵本山")], Settings()))
        assert server.body["messages"][0]["content"] == "\ud800 赵本山"

    def test_key_and_address_may_come_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", " sk-env\n")
        monkeypatch.setenv("OPENAI_BASE_URL", "http://env.test/v2/")
        server = Server(answer())
        server.ask(api_key=None, base_url=None)
        assert server.requests[0].headers["authorization"] == "Bearer sk-env"
        assert str(server.requests[0].url) == "http://env.test/v2/chat/completions"

    def test_without_a_key_none_is_sent(self) -> None:
        server = Server(answer())
        server.ask(api_key="")
        assert "authorization" not in server.requests[0].headers

    def test_own_headers_are_sent(self) -> None:
        server = Server(answer())
        server.ask(headers={"x-team": "loom"})
        assert server.requests[0].headers["x-team"] == "loom"

    def test_the_address_may_be_given_in_full(self) -> None:
        server = Server(answer())
        server.ask(base_url="http://llm.test/v1/chat/completions/")
        assert str(server.requests[0].url) == "http://llm.test/v1/chat/completions"

    def test_connections_are_shared_inside_async_with(self) -> None:
        server = Server(answer())

        async def twice() -> None:
            async with server.service() as service:
                assert (await service.complete(HELLO, Settings())).text == "Hi"
                assert (await service.complete(HELLO, Settings())).text == "Hi"
            assert (await service.complete(HELLO, Settings())).text == "Hi"

        asyncio.run(twice())
        assert len(server.requests) == 3


class TestAnswers:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("stop", "stop"),
            ("length", "length"),
            ("content_filter", "content_filter"),
            ("eos", "stop"),
            (None, "stop"),
        ],
    )
    def test_finish_reasons(self, given: str | None, expected: str) -> None:
        choice = {"message": {"content": "x"}, "finish_reason": given}
        assert Server(answer(choices=[choice])).ask().finish_reason == expected

    @pytest.mark.parametrize(
        "usage", [None, {}, {"prompt_tokens": "many"}, {"prompt_tokens": -1, "completion_tokens": 1}]
    )
    def test_a_missing_usage_is_estimated(self, usage: object) -> None:
        assert Server(answer("four byte pieces", usage=usage)).ask().usage == Usage(13, 4, 1)

    def test_an_answer_without_content_is_empty(self) -> None:
        assert Server(answer(choices=[{"message": {"content": None}}])).ask().text == ""

    @pytest.mark.parametrize("message", [{"content": None}, {"content": ""}, {}])
    def test_a_refusal_is_the_answer(self, message: dict[str, Any]) -> None:
        refused = {"message": {**message, "refusal": "I can't help with that."}}
        assert Server(answer(choices=[refused])).ask().text == "I can't help with that."

    def test_an_answer_without_a_refusal_is_the_answer(self) -> None:
        assert Server(answer(choices=[{"message": {"content": "x", "refusal": None}}])).ask().text == "x"

    @pytest.mark.parametrize(
        "reply",
        [
            httpx.Response(200, text="<html>Welcome to nginx</html>"),
            httpx.Response(200, text=""),
            httpx.Response(200, text="[" * 100_000),
            httpx.Response(200, json=[1]),
            httpx.Response(200, json={}),
            httpx.Response(200, json={"choices": []}),
            httpx.Response(200, json={"choices": ["x"]}),
            httpx.Response(200, json={"choices": [{}]}),
            httpx.Response(200, json={"choices": [{"message": {"content": 5}}]}),
        ],
    )
    def test_nonsense_is_a_named_error_and_not_tried_again(self, reply: httpx.Response) -> None:
        server = Server(reply)
        with pytest.raises(ServiceResponseError):
            server.ask()
        assert len(server.requests) == 1

    def test_an_answer_without_end_is_not_read_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("planloom.services.openai_endpoint.LONGEST_ANSWER", 1 << 20)
        with pytest.raises(ServiceResponseError, match="over 1 MB"):
            Server(httpx.Response(200, text="x" * (2 << 20))).ask()


class TestStreams:
    def test_a_stream_gives_pieces_and_then_usage_and_reason(self) -> None:
        usage = {"prompt_tokens": 9, "completion_tokens": 2}
        server = Server(
            events(
                delta(""),
                ": keep-alive",
                delta("Hel"),
                delta("lo"),
                delta(None, "length"),
                {"choices": [], "usage": usage},
            )
        )
        assert collect(server.service()) == [
            CompletionChunk("Hel"),
            CompletionChunk("lo"),
            CompletionChunk("", Usage(9, 2, 1), "length"),
        ]
        assert server.body["stream"] is True
        assert server.body["stream_options"] == {"include_usage": True}

    def test_a_refusal_is_streamed(self) -> None:
        pieces = [{"choices": [{"delta": {"refusal": text}}]} for text in ("I can't", " do that.")]
        server = Server(events(delta(""), *pieces, delta(None, "stop")))
        assert [chunk.text for chunk in collect(server.service())] == ["I can't", " do that.", ""]

    def test_a_stream_without_usage_is_estimated(self) -> None:
        assert collect(Server(events(delta("four"), delta("", "stop"))).service())[-1].usage == Usage(
            13, 1, 1
        )

    def test_an_end_marker_or_a_finish_reason_ends_a_stream(self) -> None:
        assert collect(Server(events(delta("a", "stop"), done=False)).service())[-1].finish_reason == "stop"
        assert collect(Server(events(delta("a"))).service())[-1].finish_reason == "stop"

    def test_a_stream_that_breaks_off_is_a_named_error(self) -> None:
        with pytest.raises(ServiceResponseError, match="broke off"):
            collect(Server(events(delta("a"), done=False)).service())

    @pytest.mark.parametrize("data", ["data: {oops", {"error": {"message": "overloaded"}}, {"nothing": 1}])
    def test_nonsense_in_a_stream_is_a_named_error(self, data: object) -> None:
        with pytest.raises(ServiceResponseError):
            collect(Server(events(delta("a"), data)).service())

    def test_a_connection_lost_in_a_stream_is_a_named_error_and_not_tried_again(self) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield f"data: {json.dumps(delta('a'))}\n\n".encode()
            raise httpx.ReadError("reset by peer")

        server = Server(httpx.Response(200, content=broken()))
        with pytest.raises(ServiceUnavailableError, match="reset by peer"):
            collect(server.service())
        assert len(server.requests) == 1

    def test_a_stream_is_tried_again_before_it_has_begun(self) -> None:
        server = Server(failure(503), events(delta("a", "stop")))
        assert collect(server.service())[0].text == "a"
        assert len(server.requests) == 2

    def test_closing_a_stream_closes_the_connection(self) -> None:
        closed = []

        class Body(httpx.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                while True:
                    yield f"data: {json.dumps(delta('a'))}\n\n".encode()

            async def aclose(self) -> None:
                closed.append(True)

        async def first() -> str:
            stream = Server(httpx.Response(200, stream=Body())).service().stream(HELLO, Settings())
            async for chunk in stream:
                await stream.aclose()  # type: ignore[attr-defined]
                return chunk.text
            return ""

        assert asyncio.run(first()) == "a"
        assert closed


class TestRefusals:
    @pytest.mark.parametrize(
        ("reply", "error", "says"),
        [
            (failure(401, "bad key"), ServiceAuthError, "OPENAI_API_KEY.*bad key"),
            (failure(403), ServiceAuthError, "HTTP 403"),
            (failure(404, "The model `tiny` does not exist"), ModelNotFoundError, "no model 'tiny'"),
            (failure(404, "?", code="model_not_found"), ModelNotFoundError, "no model 'tiny'"),
            (
                httpx.Response(404, json={"detail": "Not Found"}),
                ServiceResponseError,
                "nothing at http://llm.test",
            ),
            (failure(400, "temperature must be <= 2"), ServiceResponseError, "temperature must be <= 2"),
            (httpx.Response(422, text="<b>no</b>"), ServiceResponseError, "HTTP 422.*<b>no</b>"),
            (
                httpx.Response(307, headers={"location": "http://evil.test/"}),
                ServiceResponseError,
                "not followed",
            ),
        ],
    )
    def test_a_refusal_has_a_name_and_is_not_tried_again(
        self, reply: httpx.Response, error: type[ServiceError], says: str
    ) -> None:
        server = Server(reply)
        with pytest.raises(error, match=says) as caught:
            server.ask()
        assert caught.value.service == "tiny"
        assert (len(server.requests), server.waits) == (1, [])

    @pytest.mark.parametrize(
        ("message", "fields", "tokens", "limit"),
        [
            (
                "This model's maximum context length is 2048 tokens. However, you requested 5031 tokens",
                {},
                5031,
                2048,
            ),
            ("request (9000 tokens) exceeds the available context size (8192 tokens)", {}, 9000, 8192),
            ("too long", {"code": "context_length_exceeded"}, 0, 0),
            ("too long", {"code": 400, "type": "exceed_context_size_error"}, 0, 0),
        ],
    )
    def test_too_long_a_prompt_is_told_with_the_servers_numbers(
        self, message: str, fields: dict[str, Any], tokens: int, limit: int
    ) -> None:
        with pytest.raises(ContextLengthError) as caught:
            Server(failure(400, message, **fields)).ask()
        assert (caught.value.tokens, caught.value.limit) == (tokens, limit)

    def test_an_address_without_its_version_gets_a_hint(self) -> None:
        with pytest.raises(ServiceResponseError, match=r"ends in /v1"):
            Server(httpx.Response(404, text="")).ask(base_url="http://llm.test")

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
    def test_what_may_pass_is_tried_again_and_then_named(self, status: int) -> None:
        server = Server(failure(status, "busy"))
        with pytest.raises(ServiceUnavailableError, match=r"try again later.*busy"):
            server.ask(retries=3)
        assert len(server.requests) == 4
        assert server.waits == [0.5, 1.0, 2.0]

    def test_a_later_try_may_succeed(self) -> None:
        server = Server(
            failure(500), httpx.ConnectError("refused"), httpx.ReadError("reset"), answer("at last")
        )
        assert server.ask().text == "at last"

    def test_a_server_that_is_down_is_a_named_error(self) -> None:
        server = Server(httpx.ConnectError("Connection refused"))
        with pytest.raises(ServiceUnavailableError, match=r"http://llm\.test/v1/.*refused.*running"):
            server.ask(retries=1)
        assert len(server.requests) == 2

    def test_a_silent_server_is_a_timeout_and_not_tried_again(self) -> None:
        server = Server(httpx.ReadTimeout(""))
        with pytest.raises(ServiceTimeoutError, match="silent for 7 s"):
            server.ask(timeout=7.0)
        assert len(server.requests) == 1

    def test_a_connection_that_is_not_made_in_time_is_tried_again(self) -> None:
        server = Server(httpx.ConnectTimeout(""), answer())
        assert server.ask().text == "Hi"

    def test_the_whole_call_has_a_time_limit(self) -> None:
        async def never(seconds: float) -> None:
            await asyncio.Event().wait()

        server = Server(failure(503))
        service = OpenAIService(
            "tiny", base_url="http://llm.test/v1", transport=httpx.MockTransport(server.handle), sleep=never
        )
        with pytest.raises(ServiceTimeoutError, match=r"settings\.timeout"):
            asyncio.run(service.complete(HELLO, Settings(timeout=0.01)))
        with pytest.raises(ServiceTimeoutError, match=r"settings\.timeout"):
            collect(service, Settings(timeout=0.01))

    def test_cancelling_a_wait_stops_it(self) -> None:
        async def run() -> None:
            waiting = asyncio.Event()

            async def sleep(seconds: float) -> None:
                waiting.set()
                await asyncio.Event().wait()

            transport = httpx.MockTransport(Server(failure(503)).handle)
            service = OpenAIService("tiny", base_url="http://llm.test/v1", transport=transport, sleep=sleep)
            call = asyncio.create_task(service.complete(HELLO, Settings()))
            await waiting.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

        asyncio.run(run())


class TestWaits:
    def test_the_wait_doubles_is_jittered_and_capped(self) -> None:
        backoff = Backoff(first=1.0, longest=5.0)
        assert [backoff.wait(n, None, lambda: 1.0) for n in range(4)] == [1.0, 2.0, 4.0, 5.0]
        assert backoff.wait(2, None, lambda: 0.25) == 1.0

    def test_retry_after_is_waited_for(self) -> None:
        server = Server(httpx.Response(429, headers={"retry-after": "7"}), answer())
        assert server.ask().text == "Hi"
        assert server.waits == [7.0]

    def test_a_retry_after_beyond_the_longest_wait_is_not_waited_for(self) -> None:
        server = Server(httpx.Response(429, headers={"retry-after": "3600"}))
        with pytest.raises(ServiceUnavailableError):
            server.ask()
        assert server.waits == []

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            (None, None),
            ("", None),
            ("0", 0.0),
            (" 12 ", 12.0),
            ("-5", None),
            ("soon", None),
            ("９", None),
            ("9" * 400, 9999999999.0),
            ("Fri, 02 Jan 2026 00:00:30 GMT", 30.0),
            ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0),
        ],
    )
    def test_retry_after_is_read_as_seconds_or_as_a_date(
        self, header: str | None, seconds: float | None
    ) -> None:
        assert retry_after_seconds(header, lambda: datetime(2026, 1, 2, tzinfo=UTC)) == seconds


class TestAddresses:
    @pytest.mark.parametrize(
        "url", ["localhost:8000", "ftp://x/v1", "http://", "http://[", "http://x:99999/v1"]
    )
    def test_what_is_no_address_is_refused_at_once(self, url: str) -> None:
        with pytest.raises(ServiceUnavailableError, match="http://localhost:8000/v1"):
            OpenAIService("tiny", base_url=url)

    def test_httpx_is_an_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(MissingExtraError, match=r"planloom\[http\]"):
            OpenAIService("tiny")

    def test_the_switch_blocks_every_kind_of_request(self) -> None:
        server = Server(answer())
        with allow_model_requests(False):
            with pytest.raises(ModelRequestBlocked):
                server.ask()
            with pytest.raises(ModelRequestBlocked):
                collect(server.service())
        assert not server.requests


class TestTheKey:
    """It appears in no error, traceback, repr or log line."""

    REPLIES: Sequence[Reply] = (
        failure(401, f"Incorrect API key provided: {KEY}"),
        httpx.Response(500, text=f"headers were: Bearer {KEY}"),
        httpx.Response(200, text="nonsense"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
    )

    @pytest.mark.parametrize("reply", REPLIES)
    def test_errors_and_logs_do_not_show_it(self, reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG), pytest.raises(ServiceError) as caught:
            Server(reply).ask()
        text = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
        assert KEY not in text

    def test_reprs_do_not_show_it(self) -> None:
        service = Server(answer()).service()
        endpoint = service.__dict__["_endpoint"]
        assert KEY not in repr(service) + repr(endpoint) + repr(vars(service)) + repr(vars(endpoint))
        assert (
            repr(service) == "OpenAIService('tiny', name='tiny', url='http://llm.test/v1/chat/completions')"
        )

    @pytest.mark.parametrize("key", ["sk-a\nb", "sk-é", "sk-\x00"])
    def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(self, key: str) -> None:
        with pytest.raises(ServiceAuthError) as caught:
            OpenAIService("tiny", base_url="http://llm.test/v1", api_key=key)
        assert key not in str(caught.value)

    def test_a_password_in_the_address_is_refused_without_showing_it(self) -> None:
        with pytest.raises(ServiceUnavailableError) as caught:
            OpenAIService("tiny", base_url="http://me:hunter2@llm.test/v1")
        assert "hunter2" not in str(caught.value)
