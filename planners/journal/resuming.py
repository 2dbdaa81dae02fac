"""Going on with a run: its plan and functions must be what it began with, and nothing may be in doubt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from planloom.kernel import Kernel
from planloom.planners.errors import PlanError
from planloom.planners.journal.errors import InDoubtError, RunChangedError, RunOwnedError
from planloom.planners.journal.history import History
from planloom.planners.journal.identity import changes_of, plan_changes
from planloom.planners.journal.rows import Hold, RunRow, RunStatus, rest
from planloom.planners.journal.run_ledger import RunLedger
from planloom.planners.journal.sqlite import SqliteJournal, plan_hash
from planloom.planners.journal.values import Saved, restore
from planloom.planners.language.variables import variable_key
from planloom.planners.plan import Plan
from planloom.planners.running.ledger import Recorded
from planloom.planners.running.run import Run

if TYPE_CHECKING:
    from planloom.planners.running.executor import Executor

__all__ = ["resumed"]

POLL = 0.1
"""Seconds between two looks at a run that another process holds."""


async def resumed(executor: Executor, run_id: str, plan: Plan | None, wait: float) -> Run:
    """A run that is ready to go on; raises what ``Executor.resume`` raises before anything runs."""
    journal = executor.journal
    if not isinstance(journal, SqliteJournal):
        raise ValueError("there is nothing to resume from: give Executor(journal=SqliteJournal(...))")
    row = await asyncio.to_thread(journal.run, run_id)
    ours = _plan_of(row, executor.kernel, plan)
    _require_policy(row, executor)
    hold, row, history, large = await _taken(journal, run_id, wait)
    try:
        if history.doubts:
            raise InDoubtError(run_id, ours, history.doubts)
        values = _values(row, ours, history, large)
        ledger = RunLedger(journal, run_id, plan_hash(row.plan), hold=hold, history=history, values=values)
        given = json.loads(row.inputs)
        inputs = {variable_key(name): value for name, value in given.items()}
        return executor.resumed_run(ours, given, inputs, ledger)
    except BaseException as error:
        status: RunStatus = "in-doubt" if isinstance(error, InDoubtError) else "stopped"
        await asyncio.wrap_future(_let_go(journal, hold, status))
        raise


def _plan_of(row: RunRow, kernel: Kernel, plan: Plan | None) -> Plan:
    """The run's plan over this kernel's functions; raises ``RunChangedError``."""
    changes = changes_of(row.functions, kernel)
    if changes:
        raise RunChangedError(row.id, changes)
    try:
        ours = Plan.from_json(row.plan, kernel)
    except PlanError as error:
        raise RunChangedError(row.id, [f"the plan no longer fits the functions: {error}"]) from error
    ours.goal = row.goal
    changes = plan_changes(ours, plan) if plan is not None else []
    if changes:
        raise RunChangedError(row.id, changes)
    return ours


def _require_policy(row: RunRow, executor: Executor) -> None:
    if row.policy and executor.policy is None:
        raise RunChangedError(row.id, [f"it began under the policy {row.policy}, and now there is none"])


async def _taken(
    journal: SqliteJournal, run_id: str, wait: float
) -> tuple[Hold, RunRow, History, Mapping[str, str]]:
    clock = asyncio.get_running_loop().time
    until = clock() + wait
    while True:
        taking = journal.take(run_id)
        try:
            return await asyncio.wrap_future(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(lambda taken: _let_go_of(journal, taken))
            raise
        except RunOwnedError:
            if clock() >= until:
                raise
            await asyncio.sleep(POLL)


def _values(row: RunRow, plan: Plan, history: History, large: Mapping[str, str]) -> dict[str, Recorded]:
    """What finished steps gave, as their functions' return types have it.

    Raises:
        RunChangedError: what a function gave is no longer what it returns.
        InDoubtError: what a person said that it gave is not.
    """
    values: dict[str, Recorded] = {}
    for step, past in history.results.items():
        function = plan.steps[int(step.partition("[")[0]) - 1].function
        text = past.text if past.blob is None else large[past.blob]
        returns: Any = function.returns if function is not None else Any
        try:
            values[step] = Recorded(restore(Saved(text, past.typed), returns), past.seconds)
        except ValueError as error:
            if step in history.decided:
                wrong = "the value that was given for it is not what the function returns"
                raise InDoubtError(row.id, plan, [replace(history.decided[step], error=wrong)]) from error
            change = f"the value of step {step} is no longer what its function returns: {error}"
            raise RunChangedError(row.id, [change]) from error
    return values


def _let_go(journal: SqliteJournal, hold: Hold, status: RunStatus) -> Future[None]:
    return journal.submit(lambda connection: rest(connection, hold, status))


def _let_go_of(journal: SqliteJournal, taken: Future[tuple[Hold, RunRow, History, dict[str, str]]]) -> None:
    if taken.exception() is None:
        _let_go(journal, taken.result()[0], "stopped")
