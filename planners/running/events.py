"""What happens in a run: one typed stream that progress bars, traces, the journal and web pages all read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from planloom.services.protocol import Usage

__all__ = [
    "ApprovalRequested",
    "Event",
    "EventListener",
    "PlanFinished",
    "PlanStarted",
    "StepFailed",
    "StepFinished",
    "StepOutput",
    "StepRestored",
    "StepStarted",
]

# Tuples rather than dataclasses: a run makes two a step, and a named tuple is made three times faster.


class PlanStarted(NamedTuple):
    """The run's inputs are there and its first step is about to start."""

    steps: int
    inputs: Mapping[str, Any]

    @property
    def kind(self) -> Literal["plan-started"]:
        return "plan-started"


class StepStarted(NamedTuple):
    """``step`` is the step's number, with the elements' indices in loops (``4[0]``)."""

    step: str
    name: str
    arguments: Mapping[str, Any]

    @property
    def kind(self) -> Literal["step-started"]:
        return "step-started"


class StepOutput(NamedTuple):
    """A piece of text that a prompt function's model has just written."""

    step: str
    name: str
    text: str

    @property
    def kind(self) -> Literal["step-output"]:
        return "step-output"


class StepFinished(NamedTuple):
    """``seconds`` is how long the step ran, its retries included."""

    step: str
    name: str
    value: Any
    seconds: float

    @property
    def kind(self) -> Literal["step-finished"]:
        return "step-finished"


class StepRestored(NamedTuple):
    """The step was finished by an earlier process, in ``seconds``, and is not run again."""

    step: str
    name: str
    value: Any
    seconds: float

    @property
    def kind(self) -> Literal["step-restored"]:
        return "step-restored"


class StepFailed(NamedTuple):
    """``still_running`` is true for a function in a thread that could not be interrupted."""

    step: str
    name: str
    error: BaseException
    seconds: float
    still_running: bool = False

    @property
    def kind(self) -> Literal["step-failed"]:
        return "step-failed"


class ApprovalRequested(NamedTuple):
    """The policy wants a person's word on this call before it runs."""

    step: str
    name: str
    arguments: Mapping[str, Any]
    reason: str

    @property
    def kind(self) -> Literal["approval-requested"]:
        return "approval-requested"


class PlanFinished(NamedTuple):
    """The run is over; ``error`` says why when it is not done."""

    status: Literal["done", "failed", "cancelled"]
    text: str
    usage: Usage
    seconds: float
    error: BaseException | None = None

    @property
    def kind(self) -> Literal["plan-finished"]:
        return "plan-finished"


Event = (
    PlanStarted
    | StepStarted
    | StepOutput
    | StepFinished
    | StepRestored
    | StepFailed
    | ApprovalRequested
    | PlanFinished
)
EventListener = Callable[[Event], None]
