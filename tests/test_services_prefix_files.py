"""Evaluated starts of prompts on disk: found again, bounded, and never trusted when damaged."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

import drafter
from memory_stores import WordHashes
from planloom import Kernel, kernel_function
from planloom.planners import SequentialPlanner
from planloom.planners.drafting.drafting import ADAPTER
from planloom.planners.drafting.prompt import draft_messages
from planloom.planners.prompt import DEFAULT_PROMPT, planner_messages
from planloom.services import ChatMessage, Completion, LlamaService, Settings, allow_model_requests
from planloom.services.prefix_files import PrefixFiles

TOKENS = [5, 6, 7]
MARKERS = ("<|im_end|>", "\n", "<|im_start|>", "assistant", "\n")
STATE = b"what the memory holds" * 50


def files(folder: Path, budget: int = 1 << 20, model: str = "model") -> PrefixFiles:
    return PrefixFiles(folder / "prefixes", model, budget)


def stored(folder: Path) -> list[Path]:
    return sorted((folder / "prefixes").iterdir())


def test_a_state_is_found_again_by_the_same_model_and_tokens_only(tmp_path: Path) -> None:
    assert files(tmp_path).load(TOKENS) is None
    files(tmp_path).save(TOKENS, STATE)
    assert files(tmp_path).load(TOKENS) == STATE
    assert files(tmp_path).load([*TOKENS, 8]) is None
    assert files(tmp_path).load(TOKENS[:2]) is None
    assert files(tmp_path, model="another").load(TOKENS) is None


@pytest.mark.parametrize("place", [0, 20, 40, 53, 54, 60, -1])
def test_a_changed_byte_anywhere_makes_a_file_worthless(tmp_path: Path, place: int) -> None:
    files(tmp_path).save(TOKENS, STATE)
    [path] = stored(tmp_path)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert files(tmp_path).load(TOKENS) is None
    files(tmp_path).save(TOKENS, STATE)
    assert files(tmp_path).load(TOKENS) == STATE


@pytest.mark.parametrize("size", [0, 10, 54, 100])
def test_a_file_that_was_cut_is_worthless(tmp_path: Path, size: int) -> None:
    files(tmp_path).save(TOKENS, STATE)
    [path] = stored(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    assert files(tmp_path).load(TOKENS) is None


def test_a_file_under_the_name_of_another_is_not_taken(tmp_path: Path) -> None:
    files(tmp_path).save(TOKENS, STATE)
    [path] = stored(tmp_path)
    files(tmp_path).save([1], b"another")
    [other] = [found for found in stored(tmp_path) if found != path]
    os.replace(other, path)
    assert files(tmp_path).load(TOKENS) is None


def test_the_least_recently_used_go_when_the_budget_is_spent(tmp_path: Path) -> None:
    kept = files(tmp_path, budget=3 * (len(STATE) + 100))
    for number in range(3):
        kept.save([number], STATE)
        [path] = [found for found in stored(tmp_path) if found.stat().st_mtime > 1000]
        os.utime(path, (number + 1, number + 1))
    kept.load([0])
    kept.save([3], STATE)
    assert [kept.load([number]) is not None for number in range(4)] == [True, False, True, True]


def test_a_state_over_the_budget_is_not_kept_and_drives_none_out(tmp_path: Path) -> None:
    kept = files(tmp_path, budget=500)
    kept.save([1], b"small")
    kept.save([2], b"x" * 600)
    assert kept.load([1]) == b"small"
    assert len(stored(tmp_path)) == 1


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "prefixes").write_text("a file where the folder should be")
    files(tmp_path).save(TOKENS, STATE)
    assert files(tmp_path).load(TOKENS) is None


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("planloom.services.prefix_files.os.replace", fail)
    files(tmp_path).save(TOKENS, STATE)
    assert stored(tmp_path) == []


# -- with the model ------------------------------------------------------------------------------------


class Post:
    """Letters and parcels."""

    @kernel_function(effect="none")
    def address(self, person: str) -> str:
        """Look up a person's address."""
        return person

    @kernel_function
    def send(self, to: str, text: str) -> str:
        """Send a letter to an address."""
        return text


async def prompt(goal: str) -> list[ChatMessage]:
    kernel = Kernel()
    kernel.add_skill(Post())
    return list(await planner_messages(DEFAULT_PROMPT, goal, kernel.functions, ("INPUT",), kernel.skills))


def fresh(prefix_bytes: int = 1 << 28) -> LlamaService:
    return LlamaService(requantize=False, context_tokens=1024, prefix_bytes=prefix_bytes)


def written(service: LlamaService, goal: str, tokens: int = 1) -> Completion:
    async def ask() -> Completion:
        return await service.complete(await prompt(goal), Settings(max_tokens=tokens))

    with allow_model_requests(True):
        return asyncio.run(ask())


def goal_tokens(service: LlamaService, goal: str) -> int:
    """Of the message with the goal, and of the markers that end it and begin the answer."""
    [_, user] = asyncio.run(prompt(goal))
    return service.count_tokens(user.content) + len(MARKERS)


@pytest.mark.local_model
def test_the_second_plan_evaluates_its_goal_only_also_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first, goal = fresh(), "Send the input to Robert and to the people next door"
    total = written(first, "Send the input to Ann").usage.prompt_tokens
    assert first.evaluated_tokens == total
    allowed = 1.05 * goal_tokens(first, goal)
    cold = written(fresh(prefix_bytes=0), goal, 30)
    before = first.evaluated_tokens
    written(first, goal)
    assert first.evaluated_tokens - before <= allowed < total / 4

    restarted = fresh()
    written(restarted, goal)
    assert restarted.evaluated_tokens <= allowed
    assert written(restarted, goal, 30) == written(first, goal, 30) == cold


@pytest.mark.local_model
def test_a_draft_after_a_restart_is_the_same_and_reads_its_goal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    goal = "What is Bob's phone number?"

    def drafted(service: LlamaService, request: str) -> str:
        planner = SequentialPlanner(drafter.kernel(service), strategy="draft", embed=WordHashes())
        with allow_model_requests(True):
            return str(planner.create_plan_sync(request))

    first, restarted, cold = fresh(), fresh(), fresh(prefix_bytes=0)
    drafted(first, "Tell Ann that dinner is ready")
    before = first.evaluated_tokens
    expected = drafted(first, goal)
    warm = first.evaluated_tokens - before
    assert drafted(restarted, goal) == drafted(cold, goal) == expected
    assert restarted.evaluated_tokens <= warm + 0.05 * goal_tokens(first, goal)
    assert cold.evaluated_tokens > warm + 128


@pytest.mark.local_model
def test_the_first_question_of_a_draft_after_a_restart_reads_its_goal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    functions = drafter.kernel().functions.values()
    settings = Settings(extra={"adapter": ADAPTER})

    def asked(service: LlamaService, goal: str) -> list[float]:
        messages = draft_messages(goal, functions, ("INPUT",), ())
        with allow_model_requests(True):
            return asyncio.run(service.likelihoods(messages, ["", "none"], settings))

    goal = "What is Bob's phone number, and is a slot free on Monday?"
    first, restarted, cold = fresh(), fresh(), fresh(prefix_bytes=0)
    asked(first, "Tell Ann that dinner is ready")
    assert asked(restarted, goal) == asked(cold, goal)
    written = draft_messages(goal, functions, ("INPUT",), ())[1].content
    assert restarted.evaluated_tokens <= 1.05 * (first.count_tokens(written) + len(MARKERS))


@pytest.mark.local_model
def test_a_damaged_file_costs_time_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    goal = "Send the input to Ann"
    whole = written(fresh(), goal, 10)
    [path] = (tmp_path / "planloom" / "prefixes").iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    damaged = fresh()
    assert written(damaged, goal, 10) == whole
    assert damaged.evaluated_tokens > whole.usage.prompt_tokens - 1
