"""A run for machines: one JSON object a line on standard output, the result last."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from planloom.cli.exits import exit_for
from planloom.cli.terminal import Terminal
from planloom.cli.text import inert_json
from planloom.planners.errors import PlanError, PlannerError
from planloom.planners.plan import Plan
from planloom.planners.running.events import Event
from planloom.planners.running.records import RunResult
from planloom.planners.running.run_errors import RunError, StepError

__all__ = ["JsonLines", "describe_error"]


class JsonLines:
    """An event listener, and what stands before and after the events."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def __call__(self, event: Event) -> None:
        self.write({"event": event.kind, **event._asdict()})

    def plan(self, plan: Plan) -> None:
        self.write({"event": "plan-made", "plan": str(plan), "inputs": plan.inputs})

    def result(self, result: RunResult) -> None:
        """The last line of a run that was finished, with nothing secret in it."""
        shown = result.redacted()
        self.write(
            {
                "event": "result",
                "exit_code": 0,
                "text": shown.text,
                "results": shown.results,
                "variables": shown.variables,
                "usage": asdict(shown.usage),
            }
        )

    def error(self, error: Exception) -> None:
        """The last line of a run that failed."""
        self.write({"event": "error", "exit_code": int(exit_for(error)), **describe_error(error)})

    def write(self, fields: dict[str, Any]) -> None:
        self._terminal.put_raw(inert_json(fields) + "\n")


def describe_error(error: Exception) -> dict[str, Any]:
    """An error's kind, message and the objects that it is about."""
    fields: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, PlanError | PlannerError):
        fields["diagnostics"] = [asdict(found) for found in error.diagnostics]
    if isinstance(error, StepError):
        fields |= {"step": error.step, "name": error.name}
    if isinstance(error, RunError):
        fields["done"] = [record._asdict() for record in error.done]
    return fields
