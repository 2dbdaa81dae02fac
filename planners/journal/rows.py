"""The row of a run: what it runs, how it stands, and who may write to it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from planloom.planners.journal.entries import Packer, append
from planloom.planners.journal.errors import (
    JournalDamagedError,
    LeaseLostError,
    RunExistsError,
    RunNotFoundError,
    RunOverError,
    RunOwnedError,
)
from planloom.planners.journal.owner import Clock, Lease, is_over, this_process

__all__ = [
    "RENEW",
    "SELECT",
    "Hold",
    "RunRow",
    "RunStatus",
    "claim",
    "insert",
    "note",
    "read_row",
    "renew",
    "rest",
    "row_of",
]

RunStatus = Literal["running", "waiting", "in-doubt", "stopped", "failed", "cancelled", "done"]
SELECT = (
    "SELECT key, id, status, goal, started, updated, plan, functions, inputs, policy, events, fence, owner,"
    " steady_until, wall_until, cancel FROM runs JOIN beginnings ON run = key"
)
RENEW = (
    "UPDATE runs SET events = events + ?, updated = ?, steady_until = ?, wall_until = ?"
    " WHERE key = ? AND fence = ? RETURNING events, cancel"
)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it stands. Times are seconds since 1970; ``events`` counts its events.

    ``waiting``: for answers. ``in-doubt``: for a word on writes that may have happened. ``stopped``: it was
    interrupted, its process is gone, or its time was up. All but ``cancelled`` and ``done`` can be resumed.
    ``lease`` is of the process that runs it, if one does.
    """

    key: int
    id: str
    status: RunStatus
    goal: str
    started: float
    updated: float
    plan: str
    functions: Mapping[str, str]
    inputs: str
    policy: str
    events: int
    fence: int
    lease: Lease | None

    @property
    def contents(self) -> str:
        """A hash of what the run began with, which its first event holds too."""
        return contents_hash(self.goal, self.plan, self.functions, self.inputs, self.policy)


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to write to a run: it ends when another process takes the run and the fence moves on."""

    key: int
    id: str
    fence: int


def contents_hash(goal: str, plan: str, functions: Mapping[str, str], inputs: str, policy: str) -> str:
    """A hash of what a run begins with."""
    parts = [goal, plan, json.dumps(functions), inputs, policy]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def row_of(connection: sqlite3.Connection, run_id: str, clock: Clock) -> RunRow:
    """Raises ``RunNotFoundError``."""
    found = connection.execute(f"{SELECT} WHERE id = ?", (run_id,)).fetchone()
    if found is None:
        raise RunNotFoundError(
            run_id, "there is no run of that id; `planloom runs list` shows what there is."
        )
    return read_row(found, clock)


def read_row(found: tuple[Any, ...], clock: Clock) -> RunRow:
    *head, functions, inputs, policy, events, fence, owner, steady, wall, cancel = found
    key, run_id, status, goal, started, updated, plan = head
    try:
        called = json.loads(functions)
    except ValueError as error:
        raise JournalDamagedError(run_id, "what the run began with is damaged; use a copy.") from error
    lease = None if owner is None else Lease(owner, steady, wall)
    if lease is not None and is_over(lease, clock):
        status, lease = "cancelled" if cancel else "stopped", None
    return RunRow(
        key,
        run_id,
        status,
        goal,
        started,
        updated,
        plan,
        called,
        inputs,
        policy,
        events,
        fence,
        lease,
    )


def insert(
    connection: sqlite3.Connection,
    clock: Clock,
    lease: float,
    run_id: str,
    *,
    goal: str,
    plan: str,
    functions: Mapping[str, str],
    inputs: str,
    policy: str,
) -> Hold:
    """A new run, held by this process; raises ``RunExistsError``."""
    now = clock.wall()
    until = (this_process(), clock.steady() + lease, now + lease)
    try:
        made = connection.execute(
            "INSERT INTO runs (id, status, started, updated, events, fence, owner, steady_until, wall_until)"
            " VALUES (?, 'running', ?, ?, 1, 1, ?, ?, ?)",
            (run_id, now, now, *until),
        )
    except sqlite3.IntegrityError as error:
        message = "there is a run of that id already; resume it, or give the new run another id."
        raise RunExistsError(run_id, message) from error
    assert made.lastrowid is not None
    connection.execute(
        "INSERT INTO beginnings (run, goal, plan, functions, inputs, policy) VALUES (?, ?, ?, ?, ?, ?)",
        (made.lastrowid, goal, plan, json.dumps(functions), inputs, policy),
    )
    # in the same transaction, so that no run is ever without its first event
    contents = contents_hash(goal, plan, functions, inputs, policy)
    append(connection, made.lastrowid, 0, [Packer().put("contents", contents).entry("began", "", now)])
    return Hold(made.lastrowid, run_id, 1)


def claim(connection: sqlite3.Connection, clock: Clock, lease: float, run_id: str) -> Hold:
    """Take a run that nobody runs, shutting out whoever ran it before.

    Raises:
        RunNotFoundError: there is none of that id.
        RunOwnedError: another process is running it.
        RunOverError: it was cancelled.
    """
    row = row_of(connection, run_id, clock)
    if row.status == "cancelled":
        raise RunOverError(run_id, "the run was cancelled; start a new one.")
    if row.lease is not None:
        left = max(0.0, row.lease.steady - clock.steady())
        raise RunOwnedError(
            run_id,
            f"it is being run by {_process(row.lease.owner)}, whose word counts for {min(left, lease):.0f} s "
            "unless it renews it. Wait, or stop that process.",
        )
    now = clock.wall()
    connection.execute(
        "UPDATE runs SET status = 'running', fence = ?, owner = ?, steady_until = ?, wall_until = ?,"
        " updated = ? WHERE key = ?",
        (row.fence + 1, this_process(), clock.steady() + lease, now + lease, now, row.key),
    )
    return Hold(row.key, run_id, row.fence + 1)


def renew(
    connection: sqlite3.Connection, clock: Clock, lease: float, hold: Hold, adds: int
) -> tuple[int, bool]:
    """Prolong the lease and count ``adds`` more events.

    Gives the number of events before, and whether the run is to be cancelled.

    Raises:
        LeaseLostError: another process has taken the run.
    """
    now = clock.wall()
    # fetchall, because the statement must have ended when the transaction does
    found = connection.execute(
        RENEW, (adds, now, clock.steady() + lease, now + lease, hold.key, hold.fence)
    ).fetchall()
    if not found:
        raise LeaseLostError(
            hold.id,
            f"{_process(this_process())} stood still for longer than its lease of {lease:g} s, and another "
            "process has taken the run. What it did since then is in doubt there.",
        )
    events, cancel = found[0]
    return events - adds, bool(cancel)


def rest(connection: sqlite3.Connection, hold: Hold, status: RunStatus) -> None:
    """Let go of a run; one that was cancelled before it heard of that stays cancelled."""
    connection.execute(
        "UPDATE runs SET status = CASE WHEN cancel AND ?1 <> 'done' THEN 'cancelled' ELSE ?1 END,"
        " owner = NULL, steady_until = NULL, wall_until = NULL WHERE key = ?2 AND fence = ?3",
        (status, hold.key, hold.fence),
    )


def note(connection: sqlite3.Connection, row: RunRow, status: RunStatus, *, cancel: bool) -> None:
    """Count one more event of a run that nobody runs any more, or that is told so when it next writes.

    An owner whose lease is over is shut out: it must not go on from where it was before that event.
    """
    connection.execute(
        "UPDATE runs SET events = events + 1, status = ?, cancel = cancel OR ? WHERE key = ?",
        (status, cancel, row.key),
    )
    if row.lease is None:
        connection.execute(
            "UPDATE runs SET fence = fence + 1, owner = NULL, steady_until = NULL, wall_until = NULL"
            " WHERE key = ? AND owner IS NOT NULL",
            (row.key,),
        )


def _process(owner: str) -> str:
    host, *_, pid, _ = owner.split(" ")
    return f"process {pid} on {host}"
