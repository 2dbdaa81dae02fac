"""What a value looks like on a terminal and in JSON lines, and how a person's answer is read."""

from __future__ import annotations

import asyncio
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from planloom.cli.errors import UsageError
from planloom.cli.questions import Questions
from planloom.cli.terminal import Terminal
from planloom.cli.text import inert, inert_json, shown
from planloom.function import KernelFunction
from planloom.planners.running.policy import CallRequest


class Login(BaseModel):
    user: str
    password: SecretStr


@dataclass
class Point:
    x: int
    y: float


def test_a_value_cannot_control_the_terminal() -> None:
    assert inert("a\x1b[31mb\rc\x07\u202ed\u2028") == "a\\x1b[31mb\\rc\\x07\\u202ed\\u2028"
    assert inert("one\r\ntwo\tthree") == "one\ntwo\tthree"
    assert inert("你好 👩‍💻 naïve") == "你好 👩‍💻 naïve"


@given(st.text(st.characters()))
def test_what_is_shown_is_one_printable_line_of_limited_width(text: str) -> None:
    line = shown(text, 30)
    assert len(line) <= 30
    assert line == inert(line)
    assert "\n" not in line


def test_huge_and_endless_values_are_shown_short() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert shown("x" * 10_000_000, 20) == "x" * 19 + "…"
    assert shown(endless) == "<list>"


@given(st.recursive(st.none() | st.booleans() | st.text(st.characters()), lambda x: st.lists(x)))
def test_json_reads_back_and_holds_no_control_character(value: object) -> None:
    text = inert_json(value)
    assert json.loads(text) == value
    assert text == inert(text)
    assert "\n" not in text


def test_json_of_what_steps_give() -> None:
    value = {
        "point": Point(1, float("nan")),
        "login": Login(user="ada", password=SecretStr("swordfish")),
        "bytes": b"\xff",
        "path": Path("a"),
        "error": ValueError("no"),
        "other": object,
    }
    text = inert_json(value)
    assert "swordfish" not in text
    assert json.loads(text)["error"] == "ValueError: no"
    endless: list[object] = []
    endless.append(endless)
    assert json.loads(inert_json(endless)) == "<list>"


class Deaf(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_writing_never_fails() -> None:
    terminal = Terminal(Deaf(), Deaf(), io.StringIO())
    terminal.put("result")
    terminal.put("more")
    terminal.say("message")
    terminal.abandon_output()
    assert isinstance(terminal.broken, BrokenPipeError)


def test_a_piece_of_text_is_ended_before_the_next_line() -> None:
    messages = io.StringIO()
    terminal = Terminal(io.StringIO(), messages, io.StringIO())
    terminal.say_piece("half a")
    terminal.say("next")
    terminal.say_piece("whole\n")
    terminal.say("last")
    assert messages.getvalue() == "half a\nnext\nwhole\nlast\n"


def test_a_question_is_not_talked_over() -> None:
    messages = io.StringIO()
    terminal = Terminal(io.StringIO(), messages, io.StringIO())
    with terminal.asking("Which city? "):
        terminal.say("something else happened")
        assert messages.getvalue() == "Which city? "
    assert messages.getvalue() == "Which city? something else happened\n"


def questions(*lines: str) -> tuple[Questions, io.StringIO]:
    messages, following = io.StringIO(), iter(lines)
    terminal = Terminal(io.StringIO(), messages, io.StringIO())
    return Questions(terminal, lambda: next(following, "")), messages


def test_questions_are_put_one_at_a_time() -> None:
    asked, messages = questions("Rome\n", "7\n")

    async def both() -> list[object]:
        return list(await asyncio.gather(asked.ask("Which city?", "CITY"), asked.ask("When?", "WHEN")))

    assert asyncio.run(both()) == ["Rome", "7"]
    assert messages.getvalue() == "Which city? When? "


def test_an_approval_shows_the_exact_call() -> None:
    function = KernelFunction("Bank", "pay", print)
    request = CallRequest("3", function, {"to": "Eve\x1b[2J", "amount": 5})
    asked, messages = questions("y\n", "sure\n")
    assert asyncio.run(asked.approve(request, "it writes"))
    assert not asyncio.run(asked.approve(request, "it writes"))
    told = messages.getvalue()
    assert told.startswith("step 3: Bank.pay (write)\n  because it writes\n")
    assert '  to = "Eve\\u001b[2J"\n  amount = "5"\nRun it? [y/N] ' in told


def test_the_end_of_input_is_an_error() -> None:
    asked, _ = questions()
    with pytest.raises(UsageError, match="the input ended"):
        asyncio.run(asked.ask("Which city?", "CITY"))


def test_a_line_is_read_without_a_thread() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as source, os.fdopen(writing, "w") as person:
        terminal = Terminal(io.StringIO(), io.StringIO(), source)
        person.write("Rome\n")
        person.flush()
        assert asyncio.run(Questions(terminal).ask("Which city?", "CITY")) == "Rome"
