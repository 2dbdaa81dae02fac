"""What goes between a client, a workflow and its activities: plain data, and nothing that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from planloom.errors import PlanloomError
from planloom.planners.journal.values import Saved, save
from planloom.plugins.errors import DoorError

__all__ = [
    "RAISED",
    "RUN_PLAN",
    "AnswerSignal",
    "Board",
    "CallOrder",
    "CallOutcome",
    "Carried",
    "FinishedStep",
    "RemoteRunError",
    "RunOrder",
    "RunOutcome",
    "VerdictSignal",
    "WorkerCallError",
    "packed",
]

RUN_PLAN = "RunPlan.v1"
"""The workflow's type. Histories are replayed with it: what changes the order of steps gets a new name."""

RAISED = "raised"
"""Marks, among its details, an error that the function itself raised. Whatever else ends a call, a worker's
shutdown, a lost worker, a value that cannot be sent, says nothing of whether the call was made."""


class WorkerCallError(DoorError):
    """A function that ran on a worker raised; ``kind`` is the name of what it raised."""

    def __init__(self, function: str, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(function, f"raised {kind} on a worker: {message}")


class RemoteRunError(PlanloomError):
    """A run on an engine did not finish: ``kind`` is the name of the error that it ended with there."""

    def __init__(self, run_id: str, kind: str, message: str) -> None:
        self.run_id, self.kind = run_id, kind
        super().__init__(f"run {run_id} ended with {kind}: {message}")


@dataclass(frozen=True)
class AnswerSignal:
    """A word on one question; ``fingerprint`` binds it to exactly that question."""

    step: str
    fingerprint: str
    value: Any


@dataclass(frozen=True)
class FinishedStep:
    """A step that need not be run again: what it gave, and in how many seconds."""

    step: str
    value: Saved
    seconds: float


@dataclass(frozen=True)
class Carried:
    """What a run takes along when it goes on under a new history, with the tokens that it has used."""

    finished: list[FinishedStep]
    questions: list[Mapping[str, Any]]
    answers: list[AnswerSignal]
    tokens: tuple[int, int, int]


@dataclass(frozen=True)
class RunOrder:
    """A run to be made. ``inputs`` is JSON; ``functions`` are described as the plan was checked with them.

    ``task_queue`` is where it began, which tells a worker, and a replay, which kernel is meant. After
    ``history_limit`` events the run goes on under a new history, with what is ``carried``; None for what was
    begun by a version that did not.
    """

    task_queue: str
    plan: str
    inputs: str
    functions: dict[str, str]
    queues: dict[str, str]
    goal: str = ""
    policy: str = ""
    timeout: float | None = None
    budget: int | None = None
    max_concurrency: int | None = None
    history_limit: int | None = None
    carried: Carried | None = None


@dataclass(frozen=True)
class RunOutcome:
    """What a run gave, as plain JSON. ``steps`` are number, function, how it ended, and seconds."""

    text: str
    results: dict[str, Any]
    variables: dict[str, Any]
    steps: list[tuple[str, str, str, float]]
    tokens: tuple[int, int, int]


@dataclass(frozen=True)
class CallOrder:
    """One call: its arguments by Python name, and its idempotency key."""

    step: str
    arguments: dict[str, Saved]
    key: str


@dataclass(frozen=True)
class CallOutcome:
    """What a call gave, and the model tokens that it used: of prompts, of answers, and calls."""

    value: Saved
    tokens: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True)
class VerdictSignal:
    """A word on a write in doubt: ``done`` (with ``value``), ``not-done`` or ``skip``.

    ``verdict`` is text, since anybody may send a signal; the run takes none but those three.
    """

    step: str
    verdict: str
    value: Any = None


@dataclass(frozen=True)
class Board:
    """What a run waits for: its open questions and its doubts, as plain JSON."""

    questions: list[Mapping[str, Any]] = field(default_factory=list)
    doubts: list[Mapping[str, Any]] = field(default_factory=list)


def packed(value: Any, declared: Any) -> Saved:
    """``value`` as it is sent: its text alone, for it may itself be no JSON. Raises ``Unsavable``."""
    saved = save(value, declared)
    return Saved(saved.text, saved.typed)
