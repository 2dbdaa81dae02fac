"""Runs as text: a line each, and one run's timeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from planloom.cli.progress import shown_arguments
from planloom.cli.text import shown
from planloom.planners.journal.entries import Event
from planloom.planners.journal.history import History
from planloom.planners.journal.rows import RunRow

__all__ = ["listed", "timeline"]


def listed(runs: Sequence[RunRow]) -> str:
    """A table, newest first."""
    if not runs:
        return "no runs"
    width = max(len(row.id) for row in runs)
    lines = [f"{'RUN':{width}}  {'STATUS':9}  {'STARTED (UTC)':19}  GOAL"]
    lines += [
        f"{row.id:{width}}  {row.status:9}  {_moment(row.started)}  {shown(row.goal, 50)}" for row in runs
    ]
    return "\n".join(line.rstrip() for line in lines)


def timeline(row: RunRow, events: Sequence[Event]) -> str:
    """What happened, when, and what the run waits for."""
    names = _names(events)
    lines = [f"run {row.id}: {row.status}, began {_moment(row.started)} UTC"]
    if row.goal:
        lines.append(f"goal: {shown(row.goal)}")
    day = _moment(row.started)[:10]
    for event in events:
        moment = _moment(event.at)
        if moment[:10] != day:
            day = moment[:10]
            lines.append(f"  -- {day} --")
        lines.append(f"  {moment[11:]}  {_WORDS[event.kind](event, names)}".rstrip())
    return "\n".join(lines + _waits(row, History.of(events)))


def _waits(row: RunRow, history: History) -> list[str]:
    if row.status in ("done", "cancelled"):
        return []
    lines: list[str] = []
    for question in history.open_questions:
        verbs = "approve|deny" if question.about == "approval" else "answer"
        lines.append(f"waits: {question}  (planloom runs {verbs} {row.id})")
    for doubt in history.doubts if row.lease is None else ():
        lines.append(f"in doubt: {doubt}  (planloom runs decide {row.id} '{doubt.step}' done|not-done|skip)")
    return lines


def _names(events: Sequence[Event]) -> dict[str, str]:
    return {event.step: event.data["name"] for event in events if event.step and "name" in event.data}


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


def _step(word: str, event: Event, names: Mapping[str, str]) -> str:
    return f"{word:8} {event.step:4} {names.get(event.step, '')}"


def _began(event: Event, names: Mapping[str, str]) -> str:
    return "began"


def _resumed(event: Event, names: Mapping[str, str]) -> str:
    return "resumed"


def _intent(event: Event, names: Mapping[str, str]) -> str:
    large = dict.fromkeys(event.data.get("large", {}), "(large)")
    return f"{_step('starts', event, names)}  {shown_arguments(event.data['arguments'] | large)}"


def _done(event: Event, names: Mapping[str, str]) -> str:
    value = shown(event.data["value"]) if "value" in event.data else f"(large: {event.data['blob'][:12]})"
    return f"{_step('done', event, names)}  {event.data.get('seconds', 0.0):.2f} s  {value}"


def _failed(event: Event, names: Mapping[str, str]) -> str:
    return f"{_step('failed', event, names)}  {event.data['error']}: {shown(event.data['message'])}"


def _question(event: Event, names: Mapping[str, str]) -> str:
    return f"{_step('asks', event, names)}  {shown(event.data['text'])}"


def _answer(event: Event, names: Mapping[str, str]) -> str:
    return f"{_step('answered', event, names)}  {_yes_or_no(event.data['value'])}"


def _decision(event: Event, names: Mapping[str, str]) -> str:
    why = f": {event.data['why']}" if "why" in event.data else ""
    return f"{_step('decided', event, names)}  {event.data['verdict']}{why}"


def _cancel(event: Event, names: Mapping[str, str]) -> str:
    return "to be cancelled"


def _ended(event: Event, names: Mapping[str, str]) -> str:
    why = f": {event.data['error']}" if "error" in event.data else ""
    return f"{event.data['status']}{why}"


def _yes_or_no(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else shown(value)


_WORDS: Mapping[str, Callable[[Event, Mapping[str, str]], str]] = {
    "began": _began,
    "resumed": _resumed,
    "intent": _intent,
    "done": _done,
    "failed": _failed,
    "question": _question,
    "answer": _answer,
    "decision": _decision,
    "cancel": _cancel,
    "ended": _ended,
}
