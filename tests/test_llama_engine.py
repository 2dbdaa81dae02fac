"""When a model's memory is freed, what cancelling leaves behind, and models from Hugging Face."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_llama import FakeContext, FakeLibrary, library
from planloom.services import ChatMessage, LlamaService, Settings, allow_model_requests
from planloom.services.llama import SMALL_BYTES
from planloom.services.llama_engine import LlamaEngine
from planloom.services.llama_files import downloaded_model

__all__ = ["library"]


@pytest.fixture(autouse=True)
def _requests_allowed() -> Iterator[None]:
    with allow_model_requests(True):
        yield


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    return file


def service(model: str | Path) -> LlamaService:
    return LlamaService(model, prefix_bytes=0)


# -- freed ---------------------------------------------------------------------------------------------


def test_a_closed_model_is_freed_once_and_its_engine_not_kept(
    library: FakeLibrary, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines: list[weakref.ref[LlamaEngine]] = []

    class Watched(LlamaEngine):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            engines.append(weakref.ref(self))

    monkeypatch.setattr("planloom.services.llama_engine.LlamaEngine", Watched)
    one = service(model)
    for _ in range(2):
        asyncio.run(one.load())
        asyncio.run(one.close())
    gc.collect()
    assert [engine() for engine in engines] == [None, None]
    assert library.freed == [1, 2]
    del one
    gc.collect()
    assert library.freed == [1, 2]


def test_a_service_that_is_forgotten_frees_its_model(library: FakeLibrary, model: Path) -> None:
    one = service(model)
    assert one.count_tokens("four") == 4
    del one
    gc.collect()
    assert library.freed == [1]


@pytest.mark.parametrize("method", ["__init__", "add"])
def test_a_model_for_which_no_context_can_be_made_is_freed(
    library: FakeLibrary, model: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeContext, "failing", method)
    with pytest.raises(MemoryError, match=method):
        LlamaEngine(model, library, service="fake", context_tokens=64, threads=1, adapter=model)
    assert library.freed == [1]


# -- cancelled -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("kind", ["score", "likelihoods"])
def test_cancelling_a_score_leaves_nothing_for_asyncio_to_complain_about(
    library: FakeLibrary, model: Path, monkeypatch: pytest.MonkeyPatch, kind: str, times: int
) -> None:
    one, gate, complaints = service(model), threading.Event(), list[Any]()
    monkeypatch.setattr(FakeContext, "gate", gate)
    question = [ChatMessage("user", "So?")]

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, said: complaints.append(said))
        work = one.score("So", ["a"]) if kind == "score" else one.likelihoods(question, ["a"], Settings())
        call = asyncio.create_task(work)
        await asyncio.to_thread(FakeContext.entered.wait)
        for _ in range(times):
            call.cancel()
            for _ in range(5):
                await asyncio.sleep(0)
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await call
        await one.close()
        gc.collect()

    asyncio.run(run())
    gc.collect()
    assert complaints == []


# -- from Hugging Face ---------------------------------------------------------------------------------


def test_a_model_from_hugging_face_is_downloaded_once_and_its_size_then_known(
    library: FakeLibrary, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    library.hub_file = str(model)
    one = service("owner/repo:*q8_0.gguf")
    known_before = one.is_small
    for _ in range(2):
        asyncio.run(one.load())
        asyncio.run(one.close())
    assert (known_before, one.is_small) == (False, True)
    assert library.downloads == [("owner/repo", "*q8_0.gguf")]
    assert repr(one) == "LlamaService('owner/repo:*q8_0.gguf', name='llama')"


def cached(cache: Path, *names: str, size: int = 9) -> list[Path]:
    """Files in the hub's cache, as the hub's client lays them out."""
    folder = cache / "models--owner--repo"
    files = [folder / "snapshots" / "5c0a" / name for name in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        with file.open("r+b") as opened:
            opened.truncate(size)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("5c0a")
    return files


@pytest.mark.parametrize(("size", "is_small"), [(9, True), (SMALL_BYTES, False)])
def test_the_size_of_a_model_that_an_earlier_process_downloaded_is_known_at_once(
    library: FakeLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, is_small: bool
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    cached(tmp_path, "model-Q4_K_M.gguf", size=size)
    assert service("owner/repo").is_small is is_small


def test_only_the_one_file_that_a_pattern_means_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert downloaded_model("owner/repo") is None
    _, small, _ = cached(tmp_path / "hub", "a-q8_0.gguf", "b/b-q4_k_m.gguf", "README.md")
    assert downloaded_model("owner/repo") == small
    assert downloaded_model("owner/repo:*.gguf") is None
    assert downloaded_model("owner/repo:*q2_k.gguf") is None
    assert downloaded_model("owner/another") is None
