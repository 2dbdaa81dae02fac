"""Why a run did not finish; drawn with all other errors in ``planloom.errors``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from planloom.errors import BudgetExceededError, PlanloomError

if TYPE_CHECKING:
    from planloom.planners.plan import Plan
    from planloom.planners.running.policy import CallRequest
    from planloom.planners.running.records import StepRecord

__all__ = [
    "AskError",
    "CallDenied",
    "CallNotApproved",
    "NotAllowed",
    "RunCancelled",
    "RunDepthError",
    "RunError",
    "RunTimeoutError",
    "StepBudgetError",
    "StepError",
    "WithheldError",
]


class RunError(PlanloomError):
    """A run of ``plan`` did not finish; ``done`` are the records of every call that was made."""

    def __init__(self, message: str, plan: Plan, done: tuple[StepRecord, ...] = ()) -> None:
        self.plan, self.done = plan, done
        # not super(): StepBudgetError is also an error whose own initialiser takes other arguments
        PlanloomError.__init__(self, message)


class StepError(RunError):
    """A step failed. ``step`` is its number (with indices in loops), ``name`` its function.

    ``arguments`` are the exact arguments of the call, ``__cause__`` is what it raised, and ``done`` are all
    the calls that were made, those still running included.
    """

    def __init__(
        self,
        message: str,
        plan: Plan,
        done: tuple[StepRecord, ...],
        *,
        step: str,
        name: str,
        arguments: Mapping[str, Any],
    ) -> None:
        self.step, self.name, self.arguments = step, name, arguments
        super().__init__(message, plan, done)


class StepBudgetError(StepError, BudgetExceededError):
    """A step would have used more tokens than the run's budget allows."""

    used: int
    budget: int


class RunCancelled(RunError):
    """The run was cancelled; writes that had begun were let finish and are in ``done``."""


class RunTimeoutError(RunError):
    """The run took longer than its ``timeout``."""


class RunDepthError(RunError):
    """Plans run inside each other too deep; does a function run the plan that it is in?"""

    def __init__(self, depth: int, plan: Plan) -> None:
        super().__init__(
            f"plans run inside each other more than {depth} deep; does a step run the plan that it is in?",
            plan,
        )


class AskError(RunError):
    """The plan asks the user something and the run has no ``ask`` handler; nothing was run."""


class NotAllowed(PlanloomError):
    """A call was refused before it began; the cause of a ``StepError``.

    ``request`` is the call, ``reason`` the policy's words.
    """

    def __init__(self, request: CallRequest, message: str, reason: str) -> None:
        self.request, self.reason = request, reason
        super().__init__(message)


class CallDenied(NotAllowed):
    """A policy denies a call."""

    def __init__(self, request: CallRequest, reason: str) -> None:
        super().__init__(request, f"the policy denies it: {reason}", reason)


class CallNotApproved(NotAllowed):
    """A policy wants a yes to a call, and it was not given."""

    def __init__(self, request: CallRequest, reason: str) -> None:
        super().__init__(request, f"it was not approved: {reason}", reason)


class WithheldError(PlanloomError):
    """What a step raised, without its words: they may hold a secret that the step was given."""

    def __init__(self, error: BaseException) -> None:
        self.kind = type(error).__name__
        super().__init__(f"{self.kind}, whose words are withheld: they may hold a secret")
