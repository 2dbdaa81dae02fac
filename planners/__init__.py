"""The plan language, the planners that write plans, and the executor that runs them.

Everything here is imported on first use, so that ``import planloom.planners`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planloom.planners.compiling.program import Step
    from planloom.planners.compiling.sources import Source
    from planloom.planners.errors import (
        AnswerCutError,
        InvalidGoalError,
        InvalidPlanError,
        NoPlanInAnswerError,
        PlanError,
        PlannerError,
        PlanNotPossible,
    )
    from planloom.planners.evaluation.evaluate import Contender, evaluate_folder
    from planloom.planners.journal.errors import (
        InDoubtError,
        JournalError,
        RunChangedError,
        RunWaiting,
        UnsavableValueError,
    )
    from planloom.planners.journal.sqlite import SqliteJournal
    from planloom.planners.language.diagnostic import Diagnostic
    from planloom.planners.language.json_form import PLAN_SCHEMA
    from planloom.planners.library.plan_library import PlanLibrary
    from planloom.planners.plan import Plan
    from planloom.planners.retrieval.function_index import Found, FunctionIndex
    from planloom.planners.retrieval.selection import select_functions, select_functions_sync
    from planloom.planners.running.approval import (
        PlanApproval,
        approval_text,
        approve_once,
        approve_plan,
        either,
    )
    from planloom.planners.running.events import (
        ApprovalRequested,
        Event,
        EventListener,
        PlanFinished,
        PlanStarted,
        StepFailed,
        StepFinished,
        StepOutput,
        StepRestored,
        StepStarted,
    )
    from planloom.planners.running.executor import AskHandler, Executor
    from planloom.planners.running.limits import Limit, service_limit
    from planloom.planners.running.origins import Sourced
    from planloom.planners.running.policies import (
        TRUSTED,
        AllowAll,
        AllowNames,
        ArgumentSources,
        AskBeforeWrites,
        DenyNames,
        all_of,
    )
    from planloom.planners.running.policy import (
        Allowed,
        Approver,
        CallRequest,
        Denied,
        ForesightPolicy,
        NeedsApproval,
        PlannedCall,
        Policy,
    )
    from planloom.planners.running.records import RunResult, StepRecord
    from planloom.planners.running.run_errors import (
        AskError,
        CallDenied,
        CallNotApproved,
        RunCancelled,
        RunError,
        RunTimeoutError,
        StepError,
    )
    from planloom.planners.running.step_runner import KernelRunner, StepRunner
    from planloom.planners.sequential import SequentialPlanner
    from planloom.planners.writing import PlanChoice, PlanReady, PlanRepair, PlanText

__all__ = [
    "PLAN_SCHEMA",
    "TRUSTED",
    "AllowAll",
    "AllowNames",
    "Allowed",
    "AnswerCutError",
    "ApprovalRequested",
    "Approver",
    "ArgumentSources",
    "AskBeforeWrites",
    "AskError",
    "AskHandler",
    "CallDenied",
    "CallNotApproved",
    "CallRequest",
    "Contender",
    "Denied",
    "DenyNames",
    "Diagnostic",
    "Event",
    "EventListener",
    "Executor",
    "ForesightPolicy",
    "Found",
    "FunctionIndex",
    "InDoubtError",
    "InvalidGoalError",
    "InvalidPlanError",
    "JournalError",
    "KernelRunner",
    "Limit",
    "NeedsApproval",
    "NoPlanInAnswerError",
    "Plan",
    "PlanApproval",
    "PlanChoice",
    "PlanError",
    "PlanFinished",
    "PlanLibrary",
    "PlanNotPossible",
    "PlanReady",
    "PlanRepair",
    "PlanStarted",
    "PlanText",
    "PlannedCall",
    "PlannerError",
    "Policy",
    "RunCancelled",
    "RunChangedError",
    "RunError",
    "RunResult",
    "RunTimeoutError",
    "RunWaiting",
    "SequentialPlanner",
    "Source",
    "Sourced",
    "SqliteJournal",
    "Step",
    "StepError",
    "StepFailed",
    "StepFinished",
    "StepOutput",
    "StepRecord",
    "StepRestored",
    "StepRunner",
    "StepStarted",
    "UnsavableValueError",
    "all_of",
    "approval_text",
    "approve_once",
    "approve_plan",
    "either",
    "evaluate_folder",
    "select_functions",
    "select_functions_sync",
    "service_limit",
]

_HOMES = {
    "retrieval.function_index": (
        "Found",
        "FunctionIndex",
    ),
    "retrieval.selection": (
        "select_functions",
        "select_functions_sync",
    ),
    "library.plan_library": ("PlanLibrary",),
    "evaluation.evaluate": (
        "Contender",
        "evaluate_folder",
    ),
    "writing": (
        "PlanChoice",
        "PlanReady",
        "PlanRepair",
        "PlanText",
    ),
    "language.diagnostic": ("Diagnostic",),
    "errors": (
        "AnswerCutError",
        "InvalidGoalError",
        "InvalidPlanError",
        "NoPlanInAnswerError",
        "PlanError",
        "PlanNotPossible",
        "PlannerError",
    ),
    "journal.errors": (
        "InDoubtError",
        "JournalError",
        "RunChangedError",
        "RunWaiting",
        "UnsavableValueError",
    ),
    "journal.sqlite": ("SqliteJournal",),
    "running.events": (
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
    ),
    "running.executor": ("AskHandler", "Executor"),
    "language.json_form": ("PLAN_SCHEMA",),
    "plan": ("Plan",),
    "running.approval": ("PlanApproval", "approval_text", "approve_once", "approve_plan", "either"),
    "running.limits": ("Limit", "service_limit"),
    "running.origins": ("Sourced",),
    "running.policies": (
        "TRUSTED",
        "AllowAll",
        "AllowNames",
        "ArgumentSources",
        "AskBeforeWrites",
        "DenyNames",
        "all_of",
    ),
    "running.policy": (
        "Allowed",
        "Approver",
        "CallRequest",
        "Denied",
        "ForesightPolicy",
        "NeedsApproval",
        "PlannedCall",
        "Policy",
    ),
    "compiling.program": ("Step",),
    "compiling.sources": ("Source",),
    "running.records": ("RunResult", "StepRecord"),
    "running.run_errors": (
        "AskError",
        "CallDenied",
        "CallNotApproved",
        "RunCancelled",
        "RunError",
        "RunTimeoutError",
        "StepError",
    ),
    "sequential": ("SequentialPlanner",),
    "running.step_runner": ("KernelRunner", "StepRunner"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value
