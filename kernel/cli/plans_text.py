"""Stored plans as a table, in words and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planloom.cli.text import shown
from planloom.planners.library.plan_library import StoredPlan
from planloom.planners.library.plan_record import PlanVersion

__all__ = ["described", "listed", "stored_fields"]

EDITED = "edited by hand, not saved"


def listed(plans: Sequence[StoredPlan]) -> str:
    """One line a plan: its name, how often it was saved, what it needs, what it is for."""
    rows = [_row(stored) for stored in plans]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(stored: StoredPlan) -> tuple[str, ...]:
    count = len(stored.versions)
    return (
        stored.name,
        f"{count} version{'s' * (count != 1)}" + (", edited" if stored.edited else ""),
        ", ".join(f"${name}" for name in stored.record.inputs) or "-",
        shown(stored.record.description or stored.record.goal),
    )


def described(stored: StoredPlan) -> str:
    """What is known of a plan, and its history."""
    record = stored.record
    facts = {
        "goal": record.goal,
        "does": record.description if record.description != record.goal else "",
        "inputs": ", ".join(f"${name}" for name in record.inputs) or "none",
        "calls": ", ".join(record.functions),
        "file": f"{stored.path}" + (f" ({EDITED})" if stored.edited else ""),
    }
    lines = [f"{name:<8}{shown(fact, 200)}" for name, fact in facts.items() if fact]
    return "\n".join([*lines, *map(_version_line, stored.versions)])


def _version_line(version: PlanVersion) -> str:
    note = f"  {shown(version.note)}" if version.note else ""
    return f"version {version.number}  {version.saved:%Y-%m-%d %H:%M} UTC{note}"


def stored_fields(stored: StoredPlan) -> dict[str, Any]:
    """A stored plan as plain JSON data; ``plan`` is its text as it now is in its file."""
    return {
        **stored.record.model_dump(mode="json", exclude={"format"}),
        "file": str(stored.path),
        "edited": stored.edited,
        "plan": stored.text,
    }
