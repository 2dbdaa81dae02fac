"""What a client of Temporal says when the server, or a worker, does not do what was asked; no server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

pytest.importorskip("temporalio", reason="planloom[temporal] is not installed")

from temporalio.client import (
    Client,
    DescribeWorkflowInput,
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    SignalWorkflowInput,
    StartWorkflowInput,
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError, RPCStatusCode

from planloom import Kernel, kernel_function
from planloom.planners import Plan, UnsavableValueError
from planloom.planners.journal.errors import QuestionError, RunNotFoundError, RunOverError
from planloom.planners.journal.values import Saved
from planloom.plugins.temporal import TemporalEngine
from planloom.plugins.temporal_errors import EngineError, NoWorkerError, ServerUnreachableError
from planloom.plugins.temporal_wire import Board, packed

NOBODY = "127.0.0.1:1"
ASKED = {
    "step": "1",
    "about": "approval",
    "name": "Shop.send",
    "text": "it leaves",
    "arguments": {},
    "fingerprint": "f",
    "asked": 0.0,
}


class Shop:
    @kernel_function
    def send(self, what: str) -> str:
        """Send."""
        raise AssertionError


class Answers(Interceptor):
    """A server's answers by the name of the call: an error, or what it gives."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Answering(next, self.answers)


class _Answering(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, answers: dict[str, Any]) -> None:
        super().__init__(next)
        self.answers = answers

    async def start_workflow(self, input: StartWorkflowInput) -> Any:
        return self.answer("start")

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        return self.answer(input.query)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        self.answer("signal")

    async def describe_workflow(self, input: DescribeWorkflowInput) -> Any:
        return self.answer("describe")

    def answer(self, call: str) -> Any:
        given = self.answers[call]
        if isinstance(given, Exception):
            raise given
        return given


class Ended:
    """A run, as the server describes it."""

    class status:
        name = "COMPLETED"


def refusal(status: RPCStatusCode, message: str = "so it is") -> RPCError:
    return RPCError(message, status, b"")


def plan() -> Plan:
    kernel = Kernel()
    kernel.add_skill(Shop())
    return Plan.parse('<plan><function.Shop.send what="x"/></plan>', kernel)


Asking = Callable[[TemporalEngine], Awaitable[Any]]
EVERYTHING: dict[str, Asking] = {
    "start": lambda engine: engine.start(plan()),
    "result": lambda engine: engine.result("one"),
    "questions": lambda engine: engine.questions("one"),
    "doubts": lambda engine: engine.doubts("one"),
    "approve": lambda engine: engine.approve("one"),
    "decide": lambda engine: engine.decide("one", "1", "skip"),
    "cancel": lambda engine: engine.cancel("one"),
    "list": lambda engine: engine.list(),
}


def ask(asking: Asking, **answers: Any) -> Any:
    async def asked() -> Any:
        client = await Client.connect(NOBODY, lazy=True, interceptors=[Answers(**answers)] if answers else [])
        return await asking(TemporalEngine(client, "plans"))

    return asyncio.run(asked())


@pytest.mark.parametrize("call", EVERYTHING)
def test_a_server_that_does_not_run_is_named(call: str) -> None:
    with pytest.raises(ServerUnreachableError, match="Look whether it runs"):
        ask(EVERYTHING[call])


@pytest.mark.parametrize("status", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"])
def test_a_server_that_went_away_is_named(status: str) -> None:
    with pytest.raises(ServerUnreachableError):
        ask(EVERYTHING["start"], start=refusal(RPCStatusCode[status]))


def test_what_else_the_server_refuses_is_passed_on_with_its_words() -> None:
    with pytest.raises(EngineError, match="PERMISSION_DENIED: not yours"):
        ask(EVERYTHING["start"], start=refusal(RPCStatusCode.PERMISSION_DENIED, "not yours"))


@pytest.mark.parametrize(
    "error",
    [
        refusal(RPCStatusCode.CANCELLED, "Timeout expired"),
        refusal(RPCStatusCode.FAILED_PRECONDITION, "no poller seen for task queue recently"),
        WorkflowQueryFailedError("no such query"),
    ],
    ids=["nobody answers", "nobody is there", "an older worker"],
)
@pytest.mark.parametrize("call", ["questions", "doubts", "approve", "decide"])
def test_a_run_without_a_worker_is_named(call: str, error: Exception) -> None:
    with pytest.raises(NoWorkerError, match="Start one for the run's task queue"):
        ask(EVERYTHING[call], board=error, objection=error)


@pytest.mark.parametrize("call", ["approve", "decide"])
def test_a_word_to_a_run_that_has_just_ended_comes_too_late(call: str) -> None:
    gone = refusal(RPCStatusCode.NOT_FOUND, "workflow execution already completed")
    with pytest.raises(RunOverError, match="the run is COMPLETED"):
        ask(EVERYTHING[call], board=Board([ASKED]), objection="", signal=gone, describe=Ended())
    with pytest.raises(RunNotFoundError):
        ask(EVERYTHING[call], board=Board([ASKED]), objection="", signal=gone, describe=gone)


def test_an_objection_is_raised_and_nothing_is_said() -> None:
    with pytest.raises(QuestionError, match="no verdict"):
        ask(EVERYTHING["decide"], objection="'not done' is no verdict")


def test_what_cannot_be_said_is_named() -> None:
    with pytest.raises(UnsavableValueError, match="the answer to step 1"):
        ask(lambda engine: engine.decide("one", "1", "done", object()))
    board = Board([ASKED | {"about": "ask"}])
    with pytest.raises(UnsavableValueError, match="the answer to step 1"):
        ask(lambda engine: engine.answer("one", object()), board=board)


def test_of_a_value_only_its_text_is_sent() -> None:
    assert packed(date(2026, 11, 22), date) == Saved('"2026-11-22"', typed=True, value=None)
