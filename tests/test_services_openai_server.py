"""OpenAIService against a real server: llama-cpp-python's own, on loopback, with the bundled model."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import pytest

from planloom import Kernel, kernel_function
from planloom.errors import (
    ContextLengthError,
    ServiceResponseError,
    ServiceTimeoutError,
    ServiceUnavailableError,
)
from planloom.planners import Plan
from planloom.planners.grammar import plan_grammar
from planloom.planners.language.nodes import Ask, Call
from planloom.planners.plan_schema import JSON_NOTE, plan_schema, tree_from_answer
from planloom.services import ChatMessage, Completion, OpenAIService, Settings, allow_model_requests
from planloom.services.llama_files import bundled_model

pytestmark = [pytest.mark.local_model, pytest.mark.slow]

QUESTION = [ChatMessage("user", "What is the capital of France? Answer in one sentence.")]
STARTS_WITHIN = 60.0


@pytest.fixture(autouse=True)
def _requests_allowed() -> Iterator[None]:
    with allow_model_requests(True):
        yield


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/models", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a running server."""
    port, log = free_port(), tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(bundled_model("llama"))]
    command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", "1024", "--n_threads", "2"]
    # By default a second request ends the stream of the first, without an error.
    command += ["--interrupt_requests", "false"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}/v1"
            wait_until_ready(process, url, log)
            yield url
        finally:
            process.terminate()
            process.wait()


@pytest.fixture
def service(server: str) -> OpenAIService:
    return OpenAIService("bundled", base_url=server, grammar="llama.cpp", retries=0)


def ask(service: OpenAIService, settings: Settings | None = None) -> Completion:
    given = settings or Settings(temperature=0.0, max_tokens=40)
    return asyncio.run(service.complete(QUESTION, given))


def test_it_answers_and_counts(service: OpenAIService) -> None:
    answer = ask(service)
    assert "Paris" in answer.text
    assert answer.finish_reason == "stop"
    assert answer.usage.calls == 1
    assert answer.usage.completion_tokens > 3


def test_limits_and_stop_strings_are_obeyed(service: OpenAIService) -> None:
    assert ask(service, Settings(temperature=0.0, max_tokens=2)).finish_reason == "length"
    assert "capital" not in ask(service, Settings(temperature=0.0, max_tokens=40, stop=("capital",))).text


def test_a_grammar_is_obeyed(service: OpenAIService) -> None:
    settings = Settings(temperature=0.0, max_tokens=60, grammar='root ::= "<plan>" [a-z]+ "</plan>"')
    assert ask(service, settings).text.startswith("<plan>")


def test_a_plan_under_a_grammar_and_under_a_json_schema_is_read(server: str) -> None:
    class Letters:
        @kernel_function
        def send(self, person: Literal["Ann", "Bob"], copies: int = 1) -> None:
            """Send a letter."""

    kernel = Kernel()
    kernel.add_skill(Letters())
    offered, said = kernel.functions.values(), [ChatMessage("user", "Write to Ann, then to Bob." + JSON_NOTE)]
    schema = Settings(temperature=0.0, max_tokens=400, json_schema=plan_schema(offered, []))
    service = OpenAIService("bundled", base_url=server, schema="json_object", retries=0)
    answer = asyncio.run(service.complete(said, schema))
    assert answer.finish_reason == "stop"
    assert all(isinstance(node, Call | Ask) for node in tree_from_answer(answer.text).nodes)

    grammar = Settings(temperature=0.0, max_tokens=400, grammar=plan_grammar(offered, [], max_steps=3))
    service = OpenAIService("bundled", base_url=server, grammar="llama.cpp", retries=0)
    answer = asyncio.run(service.complete(QUESTION, grammar))
    assert answer.text == "<plan/>" or Plan.parse(answer.text, kernel, inputs=[])


def test_streams_run_side_by_side_and_add_up_to_the_answer(service: OpenAIService) -> None:
    async def collect() -> str:
        settings = Settings(temperature=0.0, max_tokens=40)
        chunks = [chunk async for chunk in service.stream(QUESTION, settings)]
        assert chunks[-1].finish_reason == "stop"
        assert chunks[-1].usage is not None
        assert len(chunks) > 3
        return "".join(chunk.text for chunk in chunks)

    async def two() -> list[str]:
        return list(await asyncio.gather(collect(), collect()))

    assert set(asyncio.run(two())) == {ask(service).text}


def test_a_stream_can_be_closed_and_the_server_goes_on(service: OpenAIService) -> None:
    async def first() -> str:
        stream = service.stream([ChatMessage("user", "Write a long story")], Settings(max_tokens=400))
        async for chunk in stream:
            await stream.aclose()  # type: ignore[attr-defined]
            return chunk.text
        return ""

    assert asyncio.run(first())
    assert "Paris" in ask(service).text


def test_too_long_a_prompt_is_told_with_the_numbers(service: OpenAIService) -> None:
    long = [ChatMessage("user", "word " * 2000)]
    with pytest.raises(ContextLengthError) as caught:
        asyncio.run(service.complete(long, Settings(max_tokens=5)))
    assert caught.value.limit == 1024
    assert caught.value.tokens > 2000


def test_the_time_limit_of_a_call_ends_it(service: OpenAIService) -> None:
    with pytest.raises(ServiceTimeoutError):
        ask(service, Settings(max_tokens=400, timeout=0.005))
    assert "Paris" in ask(service).text


def test_a_wrong_path_and_a_wrong_port_are_named(server: str) -> None:
    with pytest.raises(ServiceResponseError, match="/v1"):
        ask(OpenAIService("bundled", base_url=server.removesuffix("/v1"), retries=0))
    with pytest.raises(ServiceUnavailableError, match="Is the server running"):
        ask(OpenAIService("bundled", base_url=f"http://127.0.0.1:{free_port()}/v1", retries=0))
