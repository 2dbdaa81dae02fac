"""What a run leaves behind: the record of each step, and the run's result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from planloom.planners.language.variables import variable_key
from planloom.services.protocol import Usage

__all__ = ["HIDDEN", "RunResult", "StepRecord", "StepStatus"]

HIDDEN = "**********"
"""What is shown in place of a secret."""

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
    in its journal, if it has one. ``secret`` names the variables and results that must not be shown, and
    ``text_is_secret`` says it of the text; their values are here for the caller, and not in ``steps``.
    """

    text: str
    results: Mapping[str, Any]
    variables: Mapping[str, Any]
    steps: tuple[StepRecord, ...]
    usage: Usage
    run_id: str = ""
    secret: frozenset[str] = frozenset()
    text_is_secret: bool = False

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        """Names only: values may be long, or secret."""
        named = ", ".join(self.results) or "no named result"
        return f"<RunResult of {len(self.steps)} calls: {named}>"

    def redacted(self) -> RunResult:
        """The result as it may be shown or logged: a placeholder stands for everything secret."""
        keys = frozenset(map(variable_key, self.secret))
        return replace(
            self,
            text=HIDDEN if self.text_is_secret else self.text,
            results=_without(keys, self.results),
            variables=_without(keys, self.variables),
        )


def _without(keys: frozenset[str], values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: HIDDEN if variable_key(name) in keys else value for name, value in values.items()}
