"""What a run leaves behind: the record of each step, and the run's result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from planloom.services.protocol import Usage

__all__ = ["RunResult", "StepRecord", "StepStatus"]

StepStatus = Literal["done", "failed", "cancelled", "still-running"]


class StepRecord(NamedTuple):
    """One call as it happened. ``step`` is the step's number, with the elements' indices in loops."""

    step: str
    name: str
    arguments: Mapping[str, Any]
    value: Any
    status: StepStatus
    seconds: float


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run of a plan gave.

    ``text`` is the results joined by newlines, or the last step's value when the plan names no result.
    ``results`` are the values marked by ``appendToResult`` and ``<result>``, by name in document order; a
    name marked more than once, or inside a ``<foreach>``, holds a list. ``variables`` are the inputs and
    all that was set. ``steps`` are the calls in the order in which they ended. ``run_id`` is the run's name
    in its journal, if it has one. ``secret`` names the variables and results that must not be shown; their
    values are here for the caller, and not in ``steps``.
    """

    text: str
    results: Mapping[str, Any]
    variables: Mapping[str, Any]
    steps: tuple[StepRecord, ...]
    usage: Usage
    run_id: str = ""
    secret: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        """Names only: values may be long, or secret."""
        named = ", ".join(self.results) or "no named result"
        return f"<RunResult of {len(self.steps)} calls: {named}>"
