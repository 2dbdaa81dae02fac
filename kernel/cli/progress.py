"""Tells a person what a run does, as it does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planloom.cli.terminal import Terminal
from planloom.cli.text import shown
from planloom.planners.running.events import (
    ApprovalRequested,
    Event,
    PlanFinished,
    StepFailed,
    StepFinished,
    StepOutput,
    StepRestored,
    StepStarted,
)
from planloom.planners.writing import PlanChoice, PlanningEvent, PlanReady, PlanRepair, PlanText

__all__ = ["PlanningProgress", "Progress", "shown_arguments"]


class PlanningProgress:
    """A planning listener that shows the plan while it is written, and the checked plan at the end."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def __call__(self, event: PlanningEvent) -> None:
        match event:
            case PlanText(text):
                self._terminal.say_piece(text)
            case PlanChoice(question, chosen):
                self._terminal.say(f"  chose  {shown(chosen)}  ({shown(question)})")
            case PlanRepair(attempt, problem):
                self._terminal.say(f"  attempt {attempt} was no plan, asking again: {problem}")
            case PlanReady(plan, usage):
                calls = "1 model call" if usage.calls == 1 else f"{usage.calls} model calls"
                self._terminal.say(f"the checked plan ({calls}, {usage.total_tokens} tokens):\n{plan}")


class Progress:
    """An event listener that writes a line per start and end of a step, and a prompt's text as it grows."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._writing: str | None = None
        """The step whose text stands on the open line."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepOutput):
            self._piece(event)
            return
        self._writing = None
        line = _line(event)
        if line:
            self._terminal.say(line)

    def _piece(self, event: StepOutput) -> None:
        if self._writing != event.step:
            self._terminal.say(f"  text   {event.step}  {event.name}")
            self._writing = event.step
        self._terminal.say_piece(event.text)


def _line(event: Event) -> str:
    match event:
        case StepStarted(_, "ask", _):
            return ""  # the question itself is about to be shown
        case StepStarted(step, name, arguments):
            return f"  start  {step}  {name}  {shown_arguments(arguments)}".rstrip()
        case StepFinished(step, name, value, seconds):
            return f"  done   {step}  {name}  {seconds:.2f} s  {shown(value)}".rstrip()
        case StepRestored(step, name, value, _):
            return f"  kept   {step}  {name}  {shown(value)}".rstrip()
        case StepFailed(step, name, error, seconds):
            return f"  failed {step}  {name}  {seconds:.2f} s  {shown(f'{type(error).__name__}: {error}')}"
        case ApprovalRequested(step, name, arguments, reason):
            return f"  asks   {step}  {name}  {shown_arguments(arguments)}: {reason}"
        case PlanFinished("done", _, usage, seconds):
            tokens = f", {usage.total_tokens} tokens" if usage.calls else ""
            return f"  finished in {seconds:.2f} s{tokens}"
    return ""


def shown_arguments(arguments: Mapping[str, Any]) -> str:
    """Arguments in one line, each cut to a readable length."""
    return " ".join(f'{name}="{shown(value, 40)}"' for name, value in arguments.items())
