"""ScriptedService, the request switch and the usage estimate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from planloom.errors import ModelRequestBlocked, ServiceError, ServiceResponseError, ServiceTimeoutError
from planloom.services import (
    ChatMessage,
    ChatService,
    Completion,
    CompletionChunk,
    ScriptedService,
    Settings,
    Usage,
    allow_model_requests,
)
from planloom.services.switch import require_model_requests
from planloom.services.usage import estimate_tokens, estimate_usage

HELLO = [ChatMessage("system", "Be short."), ChatMessage("user", "Hello")]


def ask(service: ScriptedService, messages: Sequence[ChatMessage] = HELLO) -> Completion:
    return asyncio.run(service.complete(messages, Settings()))


async def collect(service: ChatService, settings: Settings | None = None) -> list[CompletionChunk]:
    return [chunk async for chunk in service.stream(HELLO, settings or Settings())]


def test_it_is_a_chat_service() -> None:
    assert isinstance(ScriptedService(), ChatService)


def test_answers_come_in_order_and_requests_are_recorded() -> None:
    service = ScriptedService(["one", Completion("two", finish_reason="length")])
    settings = Settings(temperature=0.5, grammar="root ::= [a-z]")
    assert asyncio.run(service.complete(HELLO, settings)).text == "one"
    assert ask(service).finish_reason == "length"
    assert service.requests[0].settings is settings
    assert service.requests[0].messages == tuple(HELLO)
    assert service.requests[0].text == "Be short.\nHello"
    assert len(service.requests) == 2


def test_running_out_of_answers_is_a_named_error_and_still_recorded() -> None:
    service = ScriptedService(["only"], name="mine")
    ask(service)
    with pytest.raises(ServiceResponseError, match="mine: the script held 1 answers") as caught:
        ask(service)
    assert caught.value.service == "mine"
    assert len(service.requests) == 2


def test_a_text_alone_is_one_answer_not_its_letters() -> None:
    assert ask(ScriptedService("hello")).text == "hello"


def test_an_exception_in_the_script_is_raised() -> None:
    service = ScriptedService([ServiceTimeoutError("s", "too slow"), "after"])
    with pytest.raises(ServiceTimeoutError):
        ask(service)
    assert ask(service).text == "after"


def test_a_function_answers_from_messages_and_settings() -> None:
    def echo(messages: Sequence[ChatMessage], settings: Settings) -> str:
        return messages[-1].content + str(settings.max_tokens)

    assert ask(ScriptedService(echo)).text == "HelloNone"


def test_an_async_function_answers() -> None:
    async def echo(messages: Sequence[ChatMessage], settings: Settings) -> Completion:
        await asyncio.sleep(0)
        return Completion(messages[0].content, Usage(1, 2, 1))

    assert ask(ScriptedService(echo)) == Completion("Be short.", Usage(1, 2, 1))


def test_the_usage_of_a_text_is_estimated_and_a_given_one_is_kept() -> None:
    assert ask(ScriptedService(["four byte pieces"])).usage == Usage(3 + 4 + 2 + 4, 4, 1)
    assert ask(ScriptedService([Completion("x", Usage(7, 8, 1))])).usage == Usage(7, 8, 1)


def test_a_stream_gives_the_text_in_pieces_and_ends_with_the_usage() -> None:
    text = "A plan that is longer than one piece."
    chunks = asyncio.run(collect(ScriptedService([text])))
    assert "".join(chunk.text for chunk in chunks) == text
    assert len(chunks) > 3
    assert [chunk.finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert chunks[-1].usage == estimate_usage(HELLO, text)


def test_what_it_says_of_itself_can_be_set() -> None:
    service = ScriptedService(name="n", accepts_grammar=True, context_tokens=512)
    assert (service.name, service.accepts_grammar, service.context_tokens) == ("n", True, 512)


def test_the_switch_blocks_real_requests_and_blocks_nest() -> None:
    with allow_model_requests(False):
        with pytest.raises(ModelRequestBlocked, match="allow_model_requests"):
            require_model_requests("gpt")
        with allow_model_requests(True):
            require_model_requests("gpt")
        with pytest.raises(ServiceError):
            require_model_requests("gpt")
        assert ask(ScriptedService(["still answers"])).text == "still answers"


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("赵本山", 3)])
def test_a_token_is_estimated_as_four_bytes(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


def test_usages_add_up() -> None:
    total = Usage(1, 2, 1) + Usage(10, 20, 3)
    assert (total, total.total_tokens) == (Usage(11, 22, 4), 33)


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    import planloom.services

    with pytest.raises(AttributeError, match="NoSuchService"):
        planloom.services.NoSuchService  # noqa: B018
    assert planloom.services.__all__ == sorted(planloom.services.__all__)
