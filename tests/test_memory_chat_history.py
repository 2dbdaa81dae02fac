"""Chat history: kept, cut to a budget, and summed up."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planloom.errors import ServiceUnavailableError
from planloom.planners.journal.errors import JournalError
from planloom.planners.journal.file import JournalFile
from planloom.plugins.memory.chat_history import ChatHistory, SummaryError
from planloom.services import ChatMessage, ScriptedService
from planloom.services.usage import TOKENS_PER_MESSAGE


def words_in(text: str) -> int:
    return len(text.split())


def history(path: Path, budget: int = 40, conversation: str = "main") -> ChatHistory:
    return ChatHistory(path / "journal.db", conversation, budget=budget, count_tokens=words_in)


def contents(messages: list[ChatMessage]) -> list[str]:
    return [message.content for message in messages]


def test_messages_last_and_conversations_are_apart(tmp_path: Path) -> None:
    history(tmp_path).add_sync("user", "你好 ${x} \0")
    history(tmp_path).add_sync("assistant", "hello")
    history(tmp_path, conversation="other").add_sync("user", "elsewhere")
    assert history(tmp_path).transcript_sync() == [
        ChatMessage("user", "你好 ${x} \0"),
        ChatMessage("assistant", "hello"),
    ]
    asyncio.run(history(tmp_path).clear())
    assert history(tmp_path).transcript_sync() == []
    assert contents(history(tmp_path, conversation="other").transcript_sync()) == ["elsewhere"]


def test_the_window_keeps_instructions_and_the_newest(tmp_path: Path) -> None:
    chat = history(tmp_path, budget=3 * (TOKENS_PER_MESSAGE + 1))
    chat.add_sync("system", "rules")
    for word in ("one", "two", "three"):
        chat.add_sync("user", word)
    assert contents(chat.window_sync()) == ["rules", "two", "three"]
    assert contents(chat.transcript_sync()) == ["rules", "one", "two", "three"]


def test_a_message_larger_than_the_budget_is_given_alone(tmp_path: Path) -> None:
    chat = history(tmp_path, budget=5)
    chat.add_sync("user", "old")
    chat.add_sync("user", "a b c d e f g h i j")
    assert contents(chat.window_sync()) == ["a b c d e f g h i j"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 12), max_size=12), st.integers(1, 60))
def test_the_window_fits_its_budget(sizes: list[int], budget: int) -> None:
    chat = ChatHistory("unused", budget=budget, count_tokens=words_in)
    from planloom.plugins.memory.chat_history import _Row

    rows = [_Row(number, "user", "w " * size, 0) for number, size in enumerate(sizes)]
    count = chat._fitting(rows, budget)
    used = sum(size + TOKENS_PER_MESSAGE for size in sizes[len(sizes) - count :])
    assert count <= 1 or used <= budget
    assert count >= min(1, len(sizes))


def test_older_messages_are_summed_up_and_kept(tmp_path: Path) -> None:
    chat = history(tmp_path, budget=30)
    chat.add_sync("system", "rules")
    for number in range(6):
        chat.add_sync("user", f"wish {number}")
    service = ScriptedService(["They wish for things."])
    assert asyncio.run(chat.summarise(service.complete))
    assert "user: wish 0" in service.requests[0].text
    window = chat.window_sync()
    assert window[0] == ChatMessage("system", "rules")
    assert window[1] == ChatMessage("user", "What was said before, in short: They wish for things.")
    assert contents(window[2:])[-1] == "wish 5"
    assert "wish 0" not in contents(window)
    assert len(chat.transcript_sync()) == 7


def test_a_second_summary_is_made_of_the_first(tmp_path: Path) -> None:
    chat = history(tmp_path, budget=24)
    service = ScriptedService(["first summary", "second summary"])
    for number in range(5):
        chat.add_sync("user", f"wish {number}")
    assert asyncio.run(chat.summarise(service.complete))
    assert not asyncio.run(chat.summarise(service.complete))
    for number in range(5, 9):
        chat.add_sync("user", f"wish {number}")
    assert asyncio.run(chat.summarise(service.complete))
    assert "summary: first summary" in service.requests[1].text
    assert "wish 0" not in service.requests[1].text
    assert "second summary" in chat.window_sync()[0].content


def test_what_fits_is_not_summed_up(tmp_path: Path) -> None:
    chat = history(tmp_path)
    chat.add_sync("user", "short")
    service = ScriptedService([])
    assert not asyncio.run(chat.summarise(service.complete))
    assert service.requests == []


@pytest.mark.parametrize("answer", ["", " ", "word " * 500])
def test_a_summary_that_is_none_changes_nothing(tmp_path: Path, answer: str) -> None:
    chat = history(tmp_path, budget=20)
    for number in range(6):
        chat.add_sync("user", f"wish {number}")
    before = chat.window_sync()
    with pytest.raises(SummaryError):
        asyncio.run(chat.summarise(ScriptedService([answer]).complete))
    with pytest.raises(ServiceUnavailableError):
        asyncio.run(chat.summarise(ScriptedService([ServiceUnavailableError("m", "down")]).complete))
    assert chat.window_sync() == before


def test_it_shares_the_file_of_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    JournalFile(path, "normal", 1.0).open().close()
    tables = set(table_names(path))
    chat = ChatHistory(path)
    chat.add_sync("user", "hello")
    assert set(table_names(path)) == tables | {"chat_messages"}
    JournalFile(path, "normal", 1.0).open().close()
    assert contents(chat.transcript_sync()) == ["hello"]


def table_names(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.close()
    return [name for (name,) in rows]


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("no database at all, only text " * 50)
    with pytest.raises(JournalError):
        history(tmp_path).add_sync("user", "x")


def test_no_budget_of_nothing() -> None:
    with pytest.raises(ValueError, match="budget"):
        ChatHistory("x", budget=0)
