"""The seam between a run and a journal: what a durable run tells, and what it is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from planloom.errors import PlanloomError
from planloom.planners.running.policy import Approver, CallRequest, Policy
from planloom.planners.running.records import RunResult
from planloom.planners.running.run_errors import RunError
from planloom.planners.running.scheduler import StepCall
from planloom.services.protocol import Usage

if TYPE_CHECKING:
    from planloom.planners.plan import Plan
    from planloom.planners.running.run import Run

__all__ = ["Journal", "Ledger", "LedgerFault", "Parked", "Recorded"]


class Parked(Exception):
    """The step waits for a person; the run goes on with what does not need it, and then ends."""


class LedgerFault(Exception):
    """The journal cannot be written, which is no fault of the step that was to be written down."""

    def __init__(self, error: PlanloomError) -> None:
        self.error = error
        super().__init__(str(error))


class Recorded(NamedTuple):
    """The outcome of a step that an earlier process finished."""

    value: Any
    seconds: float


class Ledger(Protocol):
    """What a journal keeps of one run. Each method may raise ``LedgerFault``."""

    spent: Usage
    """What the run had used before this process took it."""

    def around(self, run: Run, go: Callable[[], Awaitable[RunResult]]) -> Awaitable[RunResult]:
        """Run it, with its beginning and its end written down."""
        ...

    def recorded(self, call: StepCall) -> Recorded | None:
        """The outcome of a step that was finished before."""
        ...

    def key(self, call: StepCall) -> str:
        """The call's idempotency key."""
        ...

    def begin(self, call: StepCall) -> Awaitable[None]:
        """Returns once it is safe to start the call: for a write, when its intent is on disk."""
        ...

    def unmade(self, call: StepCall) -> None:
        """The call was not made after all, because the run was stopped while ``begin`` waited."""
        ...

    def end(self, call: StepCall, value: Any, seconds: float, used: Usage) -> Awaitable[Any]:
        """Keep the value, and give it as it is kept; raises ``UnsavableValueError``."""
        ...

    def failed(self, call: StepCall, error: BaseException) -> None: ...

    def approval(self, request: CallRequest, reason: str, approve: Approver | None) -> Awaitable[bool]:
        """A person's word on exactly this call; raises ``Parked`` when it is still to come."""
        ...

    def answer(self, call: StepCall, ask: Callable[[str, str], Awaitable[Any]] | None) -> Awaitable[Any]:
        """The value that an ``<ask>`` asks for; raises ``Parked`` when it is still to come."""
        ...

    def waiting(self, run: Run) -> RunError:
        """Why a run ends whose steps are parked."""
        ...


class Journal(Protocol):
    """Where the runs of an executor are kept: a file, or the history of a durable engine."""

    def ledger(
        self, plan: Plan, given: Mapping[str, Any], policy: Policy | None, run_id: str | None
    ) -> Ledger:
        """What a new run is written with; raises ``UnsavableValueError``."""
        ...
