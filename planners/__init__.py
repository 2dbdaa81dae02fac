"""The plan language, the planners that write plans, and the executor that runs them.

Everything here is imported on first use, so that ``import planloom.planners`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planloom.planners.diagnostic import Diagnostic
    from planloom.planners.errors import (
        AnswerCutError,
        InvalidGoalError,
        InvalidPlanError,
        NoPlanInAnswerError,
        PlanError,
        PlannerError,
        PlanNotPossible,
    )
    from planloom.planners.events import (
        ApprovalRequested,
        Event,
        EventListener,
        PlanFinished,
        PlanStarted,
        StepFailed,
        StepFinished,
        StepOutput,
        StepStarted,
    )
    from planloom.planners.executor import AskHandler, Executor
    from planloom.planners.json_form import PLAN_SCHEMA
    from planloom.planners.plan import Plan
    from planloom.planners.policy import Allowed, Approver, CallRequest, Denied, NeedsApproval, Policy
    from planloom.planners.program import Step
    from planloom.planners.records import RunResult, StepRecord
    from planloom.planners.run_errors import AskError, RunCancelled, RunError, RunTimeoutError, StepError
    from planloom.planners.sequential import SequentialPlanner
    from planloom.planners.step_runner import KernelRunner, StepRunner

__all__ = [
    "PLAN_SCHEMA",
    "Allowed",
    "AnswerCutError",
    "ApprovalRequested",
    "Approver",
    "AskError",
    "AskHandler",
    "CallRequest",
    "Denied",
    "Diagnostic",
    "Event",
    "EventListener",
    "Executor",
    "InvalidGoalError",
    "InvalidPlanError",
    "KernelRunner",
    "NeedsApproval",
    "NoPlanInAnswerError",
    "Plan",
    "PlanError",
    "PlanFinished",
    "PlanNotPossible",
    "PlanStarted",
    "PlannerError",
    "Policy",
    "RunCancelled",
    "RunError",
    "RunResult",
    "RunTimeoutError",
    "SequentialPlanner",
    "Step",
    "StepError",
    "StepFailed",
    "StepFinished",
    "StepOutput",
    "StepRecord",
    "StepRunner",
    "StepStarted",
]

_HOMES = {
    "diagnostic": ("Diagnostic",),
    "errors": (
        "AnswerCutError",
        "InvalidGoalError",
        "InvalidPlanError",
        "NoPlanInAnswerError",
        "PlanError",
        "PlanNotPossible",
        "PlannerError",
    ),
    "events": (
        "ApprovalRequested",
        "Event",
        "EventListener",
        "PlanFinished",
        "PlanStarted",
        "StepFailed",
        "StepFinished",
        "StepOutput",
        "StepStarted",
    ),
    "executor": ("AskHandler", "Executor"),
    "json_form": ("PLAN_SCHEMA",),
    "plan": ("Plan",),
    "policy": ("Allowed", "Approver", "CallRequest", "Denied", "NeedsApproval", "Policy"),
    "program": ("Step",),
    "records": ("RunResult", "StepRecord"),
    "run_errors": ("AskError", "RunCancelled", "RunError", "RunTimeoutError", "StepError"),
    "sequential": ("SequentialPlanner",),
    "step_runner": ("KernelRunner", "StepRunner"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value
