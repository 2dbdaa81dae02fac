"""How prompts are read into a model's memory: what is reused, and that this changes nothing."""

from __future__ import annotations

import asyncio
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_llama import FakeContext, FakeLibrary, library
from planloom.services import ChatMessage, LlamaService, Settings, allow_model_requests
from planloom.services.llama_context import StopFlag
from planloom.services.llama_reader import LlamaReader
from planloom.services.llama_vocabulary import LlamaVocabulary
from planloom.services.prefix_files import PrefixFiles
from planloom.services.prompt_tokens import PromptTokens

__all__ = ["library"]

INSTRUCTIONS = ChatMessage("system", "Look at the sky, and say what you see there.\n" * 5)
LINE = list(b"Some line that is just long enough.\n")
SHORT = list(b"ab\n")


def reader(files: PrefixFiles | None = None) -> LlamaReader:
    context: Any = FakeContext(None, None, "fake", tokens=4096, threads=1)
    return LlamaReader(context, LlamaVocabulary(1, FakeLibrary()), files, service="fake", room=4096)


def read(one: LlamaReader, prompt: PromptTokens, written: list[int]) -> list[float]:
    found: list[float] = one.read(prompt, written, StopFlag()).tolist()
    return found


@st.composite
def prompts(draw: st.DrawFn) -> tuple[PromptTokens, list[int]]:
    """A prompt of a few texts, some of which are messages, and what was written already."""
    texts = draw(st.lists(st.sampled_from([LINE, LINE * 4, SHORT, SHORT * 9]), min_size=1, max_size=5))
    ends = list(accumulate(map(len, texts)))
    breaks = [end for end in ends if draw(st.booleans())]
    lasting = draw(st.sampled_from([0, *breaks]))
    tokens = [token for text in texts for token in text]
    return PromptTokens(tokens, frozenset(breaks), lasting), draw(st.sampled_from([[], SHORT, LINE]))


@given(st.lists(prompts(), min_size=2, max_size=6))
def test_a_prompt_is_read_as_if_none_had_been_read_before(
    given_prompts: list[tuple[PromptTokens, list[int]]],
) -> None:
    warm = reader()
    for prompt, written in given_prompts:
        assert read(warm, prompt, written) == read(reader(), prompt, written)


def test_a_start_that_was_cut_elsewhere_is_not_the_same_start(tmp_path: Path) -> None:
    files = PrefixFiles(tmp_path, "model", 1 << 20)
    tokens = LINE * 8
    plain, cut = (PromptTokens(tokens, frozenset(breaks), 144) for breaks in ([144], [50, 144]))
    assert read(reader(files), plain, []) != read(reader(), cut, [])
    assert read(reader(files), cut, []) == read(reader(), cut, [])
    assert [file.suffix for file in tmp_path.iterdir()] == [".prefix"] * 2


# -- likelihoods ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "model.gguf").write_bytes(b"weights")
    return tmp_path


def likelihoods(service: LlamaService, *messages: ChatMessage) -> list[float]:
    with allow_model_requests(True):
        asked = service.likelihoods([INSTRUCTIONS, *messages], ["a", "b", ""], Settings())
        return asyncio.run(asked)


def test_likelihoods_read_the_instructions_once_also_after_a_restart(
    library: FakeLibrary, folder: Path
) -> None:
    goal = ChatMessage("user", "What colour is it?")
    first, restarted, cold = (LlamaService(folder / "model.gguf", prefix_bytes=n) for n in (9**9, 9**9, 0))
    likelihoods(first, ChatMessage("user", "Is it cloudy?"))
    expected = likelihoods(cold, goal)
    assert likelihoods(restarted, goal) == expected
    assert restarted.evaluated_tokens == len(f"{goal.content}[end]\n[assistant]")
    assert cold.evaluated_tokens > restarted.evaluated_tokens + len(INSTRUCTIONS.content)


def test_likelihoods_and_answers_are_the_same_in_any_order(library: FakeLibrary, folder: Path) -> None:
    goal, begun = ChatMessage("user", "Is\nit\nso?"), ChatMessage("assistant", "So it is, and more so.\n")
    settings = Settings(max_tokens=5, temperature=1.0, seed=1)

    async def answer(service: LlamaService) -> str:
        return (await service.complete([INSTRUCTIONS, goal, begun], settings)).text

    with allow_model_requests(True):
        one, other = (LlamaService(folder / "model.gguf", prefix_bytes=0) for _ in range(2))
        first = likelihoods(one, goal), likelihoods(one, goal, begun), asyncio.run(answer(one))
        second = asyncio.run(answer(other)), likelihoods(other, goal, begun), likelihoods(other, goal)
    assert first == second[::-1]
