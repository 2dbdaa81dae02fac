"""Secrets: what is secret in a run is in none of its events, errors, records and reprs."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from planloom import Kernel, kernel_function
from planloom.planners import (
    AskBeforeWrites,
    CallRequest,
    Event,
    Executor,
    Plan,
    RunError,
    RunResult,
    Sourced,
    StepError,
    StepFinished,
    StepStarted,
    approval_text,
)
from planloom.planners.journal.errors import UnsavableValueError
from planloom.planners.journal.sqlite import SqliteJournal
from planloom.services import OpenAIService, ScriptedService
from planloom.services.protocol import ChatMessage

SECRET = "hunter2-hunter2"


class Boom(Exception):
    pass


class Safe:
    def __init__(self) -> None:
        self.used: list[str] = []

    @kernel_function(effect="read", secret=True)
    async def key(self, name: str) -> str:
        """Get a key."""
        return SECRET

    @kernel_function(effect="read")
    async def token(self) -> SecretStr:
        """Get a token."""
        return SecretStr(SECRET)

    @kernel_function
    async def login(self, user: str, password: SecretStr) -> str:
        """Log in."""
        self.used.append(password.get_secret_value())
        return f"{user} is in"

    @kernel_function(effect="none")
    async def echo(self, text: Any) -> Any:
        """Say it again."""
        self.used.append(str(text))
        return text

    @kernel_function(effect="none", secret=False)
    async def length(self, text: str) -> int:
        """Tell the length."""
        return len(text)

    @kernel_function
    async def fail(self, text: Any) -> str:
        """Fail, and tell the world."""
        raise Boom(f"cannot use {text.get_secret_value() if isinstance(text, SecretStr) else text}")


def run(
    xml: str, variables: Mapping[str, Any] | None = None, **options: Any
) -> tuple[Safe, list[Event], RunResult | RunError]:
    safe, events = Safe(), list[Event]()
    kernel = Kernel(service=ScriptedService([f"I was told {SECRET}"] * 9))
    kernel.add_skill(safe)
    kernel.add_prompt("Repeat {{$input}}", skill="Writer", name="repeat")
    executor = Executor(kernel, listeners=[events.append], **options)
    plan = Plan.parse(f"<plan>{xml}</plan>", kernel)
    try:
        return safe, events, asyncio.run(executor.run(plan, variables))
    except RunError as error:
        return safe, events, error


def everything_said(events: list[Event], outcome: RunResult | RunError) -> str:
    said = [repr(events), repr(outcome), str([event._asdict() for event in events])]
    if isinstance(outcome, RunError):
        said += [str(outcome), repr(outcome.done), "".join(traceback.format_exception(outcome))]
    else:
        said.append(repr(outcome.steps))
    if isinstance(outcome, StepError):
        said.append(repr(outcome.arguments))
    return "\n".join(said)


KEY = '<function.Safe.key name="mail" setContextVariable="K"/>'


@pytest.mark.parametrize(
    ("xml", "variables"),
    [
        (KEY + '<function.Safe.echo text="$K"/>', {}),
        (KEY + '<function.Safe.echo text="key: $K!"/>', {}),
        (KEY + "<function.Safe.echo/><function.Safe.echo/>", {}),
        (KEY + '<function.Safe.login user="me" password="$K" appendToResult="R"/>', {}),
        (KEY + '<function.Writer.repeat input="$K"/>', {}),
        (KEY + '<foreach item="N" in="$L"><function.Safe.echo text="$N$K" appendToResult="R"/></foreach>',
         {"L": ["a", "b"]}),
        (KEY + '<result name="R" value="$K"/>', {}),
        (KEY + '<if condition="$K == 1"><function.Safe.echo text="$K"/></if>', {}),
        ('<function.Safe.token setContextVariable="K"/><function.Safe.login user="me" password="$K"/>', {}),
        ('<function.Safe.login user="me" password="$PASSWORD"/>', {"PASSWORD": SECRET}),
        ('<function.Safe.login user="me" password="$PASSWORD"/>', {"password": SecretStr(SECRET)}),
        ('<function.Safe.echo text="$P"/><function.Safe.login user="me" password="$P"/>', {"P": SECRET}),
        ('<function.Safe.echo text="$INPUT"/>', {"INPUT": Sourced(SECRET, "vault", secret=True)}),
        ('<function.Safe.echo text="$INPUT"/>', {"input": SecretStr(SECRET)}),
        ('<function.Safe.echo text="a ${INPUT.deep[0]}"/>',
         {"INPUT": Sourced({"deep": [SECRET]}, secret=True)}),
        # failures
        (KEY + '<function.Safe.fail text="$K"/>', {}),
        ('<function.Safe.fail text="$INPUT"/>', {"INPUT": SecretStr(SECRET)}),
        (KEY + '<if condition="$K > 1"><function.Safe.echo text="a"/></if>', {}),
        (KEY + '<foreach item="N" in="$K"><function.Safe.echo text="$N"/></foreach>', {}),
        (KEY + '<function.Safe.echo setContextVariable="E"/><function.Safe.echo text="${E.field}"/>', {}),
        (KEY + '<function.Safe.login user="$K" password="$K"/><function.Safe.fail text="x"/>', {}),
    ],
)  # fmt: skip
def test_a_secret_is_in_nothing_that_a_run_says(
    xml: str, variables: Mapping[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _, events, outcome = run(xml, variables)
    assert SECRET not in everything_said(events, outcome)
    assert SECRET not in caplog.text
    assert "'name': 'mail'" in repr(events) or KEY not in xml


def test_steps_are_given_the_secret_itself_and_the_caller_gets_it_back() -> None:
    safe, _, result = run(KEY + '<function.Safe.echo text="$K" setContextVariable="E" appendToResult="R"/>')
    assert isinstance(result, RunResult)
    assert safe.used == [SECRET]
    assert result.text == result.results["R"] == result.variables["K"] == SECRET
    assert result.secret == {"K", "E", "R"}


def test_what_is_no_secret_is_shown_beside_one() -> None:
    xml = KEY + '<function.Safe.echo text="open"/><function.Safe.length text="$K"/>'
    _, events, result = run(xml)
    assert isinstance(result, RunResult)
    finished = {event.step: event.value for event in events if isinstance(event, StepFinished)}
    assert finished == {"1": "**********", "2": "open", "3": len(SECRET)}
    started = {event.step: event.arguments for event in events if isinstance(event, StepStarted)}
    assert started["3"] == {"text": "**********"}
    assert result.text == str(len(SECRET))
    assert result.secret == {"K"}


@pytest.mark.parametrize(
    ("xml", "variables"),
    [
        (KEY, {}),
        (KEY + '<result name="R" value="$K"/>', {}),
        ('<function.Safe.echo text="$INPUT" appendToResult="R"/>', {"input": Sourced(SECRET, secret=True)}),
        ('<function.Safe.echo text="open"/>', {"unused": Sourced(SECRET, secret=True)}),
    ],
)
def test_a_redacted_result_has_no_secret_in_it(xml: str, variables: Mapping[str, Any]) -> None:
    _, _, result = run(xml, variables)
    assert isinstance(result, RunResult)
    shown = result.redacted()
    assert SECRET in result.text + str(result.variables)
    assert SECRET not in shown.text + str(shown.results) + str(shown.variables)
    assert shown.results.keys() == result.results.keys()
    assert shown.variables.keys() == result.variables.keys()


def test_a_result_without_secrets_is_its_own_redacted_form() -> None:
    _, _, result = run('<function.Safe.echo text="open" setContextVariable="A"/>')
    assert isinstance(result, RunResult)
    assert result.redacted() == result


def test_words_that_may_hold_a_secret_are_withheld_and_others_are_not() -> None:
    _, _, failed = run(KEY + '<function.Safe.fail text="$K"/>')
    assert isinstance(failed, StepError)
    assert "Boom, whose words are withheld: they may hold a secret" in str(failed)
    _, _, told = run(KEY + '<function.Safe.fail text="open"/>')
    assert isinstance(told, StepError)
    assert "Boom: cannot use open" in str(told)


def test_an_approval_is_asked_for_with_the_secret_left_out() -> None:
    shown: list[str] = []

    async def see(request: CallRequest, reason: str) -> bool:
        shown.append(approval_text(request, reason) + repr(request))
        return True

    xml = KEY + '<function.Safe.login user="me" password="$K"/>'
    safe, events, result = run(xml, policy=AskBeforeWrites(), approve=see)
    assert safe.used == [SECRET]
    assert len(shown) == 1
    assert SECRET not in shown[0] + everything_said(events, result)


def test_a_secret_stays_one_in_a_plan_inside_a_step() -> None:
    events: list[Event] = []
    kernel = Kernel()
    kernel.add_skill(Safe())
    inner = Plan.parse('<plan><function.Safe.echo text="$what"/></plan>', kernel)

    async def again(what: str) -> str:
        return (await Executor(kernel, listeners=[events.append]).run(inner, {"what": what})).text

    kernel.add_function(again, skill="Library")
    outer = Plan.parse(f'<plan>{KEY}<function.Library.again what="$K"/></plan>', kernel)
    assert asyncio.run(Executor(kernel).run(outer)).text == SECRET
    assert events
    assert SECRET not in repr(events)


def test_a_run_with_secrets_is_not_written_to_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with pytest.raises(UnsavableValueError, match=r"Safe\.key is secret, and a journal would keep it"):
        run(KEY + "<function.Safe.echo/>", journal=SqliteJournal(path))
    with pytest.raises(UnsavableValueError, match="input is secret"):
        run('<function.Safe.echo text="$INPUT"/>', {"INPUT": SecretStr(SECRET)}, journal=SqliteJournal(path))
    assert not path.exists() or SECRET.encode() not in path.read_bytes()


def test_a_service_tells_nobody_its_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    kernel = Kernel(service=OpenAIService("m", base_url="http://localhost:1/v1", api_key=SECRET))
    kernel.add_prompt("Hi {{$input}}", skill="Writer", name="hi")
    events: list[Event] = []
    plan = Plan.parse("<plan><function.Writer.hi/></plan>", kernel)
    with pytest.raises(StepError) as caught:  # real requests are switched off in tests
        asyncio.run(Executor(kernel, listeners=[events.append]).run(plan, {"INPUT": "x"}))
    with pytest.raises(Exception, match=r".") as asked:
        asyncio.run(kernel.complete([ChatMessage("user", "x")]))
    said = everything_said(events, caught.value) + "".join(traceback.format_exception(asked.value))
    assert SECRET not in said + caplog.text + repr(kernel.service()) + repr(vars(kernel))
    assert SECRET not in json.dumps([str(item) for item in vars(kernel.service()).values()])
