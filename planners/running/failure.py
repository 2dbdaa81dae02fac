"""Telling why a run did not finish, and what was done before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planloom.errors import BudgetExceededError
from planloom.planners.running.records import StepRecord
from planloom.planners.running.run_errors import NotAllowed, StepBudgetError, StepError, WithheldError
from planloom.planners.running.scheduler import Fault

if TYPE_CHECKING:
    from planloom.planners.plan import Plan

__all__ = ["step_error", "told"]


def step_error(fault: Fault, plan: Plan, done: tuple[StepRecord, ...]) -> StepError:
    step = fault.call.id if fault.call else ""
    where = f"step {step} ({fault.what})" if step else fault.what
    cause = fault.error
    kind = "" if isinstance(cause, NotAllowed | WithheldError) else f"{type(cause).__name__}: "
    message = f"{where}, line {fault.place.line}, failed: {kind}{_words(cause).rstrip('.')}. {told(done)}"
    arguments = fault.call.shown if fault.call else {}
    if isinstance(cause, BudgetExceededError):
        stopped = StepBudgetError(message, plan, done, step=step, name=fault.what, arguments=arguments)
        stopped.used, stopped.budget = cause.used, cause.budget
        return stopped
    return StepError(message, plan, done, step=step, name=fault.what, arguments=arguments)


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a foreign error that cannot say what it is must not hide that it is
        return "it has no words for it"


def told(done: tuple[StepRecord, ...]) -> str:
    finished = [record for record in done if record.status == "done"]
    cut = [record for record in done if record.status == "cancelled"]
    running = [record for record in done if record.status == "still-running"]
    told = f"{len(finished)} calls were done before"
    if cut:
        told += f"; cut short: {_named(cut)}"
    if running:
        told += f"; still running, since they cannot be interrupted: {_named(running)}"
    return told


def _named(records: list[StepRecord]) -> str:
    return ", ".join(f"{record.step} ({record.name})" for record in records)
