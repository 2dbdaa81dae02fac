"""What a run began with, kept so that it never goes on with something else."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from planloom.annotation import type_name
from planloom.function import KernelFunction
from planloom.kernel import Kernel
from planloom.planners.journal.errors import UnsavableValueError
from planloom.planners.journal.values import Unsavable, refusal, save
from planloom.planners.plan import Plan

__all__ = ["changes_of", "check_savable", "functions_of", "plan_changes", "saved_inputs"]

LONGEST = 12


def check_savable(plan: Plan) -> None:
    """Raise ``UnsavableValueError`` when a function declares to return what no journal can keep."""
    for step in plan.steps:
        problem = refusal(step.function.returns) if step.function is not None else None
        if problem is not None and step.function is not None:
            raise UnsavableValueError(
                step.function.full_name,
                f"returns {type_name(step.function.returns)}, which a journal cannot keep: {problem}. "
                "Nothing was run.",
            )


def saved_inputs(given: Mapping[str, Any]) -> str:
    """The run's inputs as JSON; raises ``UnsavableValueError``."""
    parts: dict[str, str] = {}
    for name, value in given.items():
        try:
            parts[save(name).text] = save(value).text
        except Unsavable as error:
            raise UnsavableValueError(
                f"the input {name}", f"cannot be kept in a journal: {error}. Nothing was run."
            ) from error
    return f"{{{','.join(f'{name}:{text}' for name, text in parts.items())}}}"


def functions_of(plan: Plan) -> dict[str, str]:
    """Each function that the plan calls, with all that a change of could change the run."""
    found = {step.function.full_name: step.function for step in plan.steps if step.function is not None}
    return {name: _described(function) for name, function in found.items()}


def _described(function: KernelFunction) -> str:
    idempotent = ", idempotent" if function.idempotent else ""
    return f"{function.signature()} -> {type_name(function.returns)}, {function.effect}{idempotent}"


def changes_of(began_with: Mapping[str, str], kernel: Kernel) -> list[str]:
    """What the kernel has otherwise than when the run began."""
    changes: list[str] = []
    for name, before in began_with.items():
        function = kernel.functions.find(name)
        if function is None:
            changes.append(f"the function {name} is gone; it was {before}")
        elif _described(function) != before:
            changes.append(f"the function was {before}; it is now {_described(function)}")
    return changes


def plan_changes(before: Plan, now: Plan) -> list[str]:
    """The lines in which two plans differ."""
    if str(before) == str(now):
        return []
    lines = difflib.unified_diff(
        str(before).splitlines(), str(now).splitlines(), "began with", "given now", lineterm="", n=0
    )
    shown = list(lines)[:LONGEST]
    return ["the plan is another one:\n    " + "\n    ".join(shown)]
