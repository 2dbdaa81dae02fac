"""What the events of a run add up to: results, open questions, and writes that are in doubt."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from planloom.planners.journal.entries import Event

__all__ = ["VERDICTS", "Doubt", "History", "Past", "Question", "Verdict"]

Verdict = Literal["done", "not-done", "skip"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
LONGEST = 60


@dataclass(frozen=True, slots=True)
class Past:
    """A step's recorded outcome: JSON text, or the hash of a value that is kept aside."""

    number: int
    text: str
    blob: str | None
    typed: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Question:
    """What a run asks: whether a call may run, or for the value of a variable.

    ``fingerprint`` is of the exact call; a yes counts for that call only.
    """

    step: str
    about: Literal["approval", "ask"]
    name: str
    text: str
    arguments: Mapping[str, Any]
    fingerprint: str
    asked: float

    def __str__(self) -> str:
        if self.about == "ask":
            return f"step {self.step} asks for ${self.name}: {self.text}"
        return f"step {self.step} wants to call {_call(self.name, self.arguments)}: {self.text}"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A write that was begun and whose end is not recorded.

    ``error`` is what it raised, or why what was said of it cannot be; empty if there is neither.
    """

    step: str
    name: str
    arguments: Mapping[str, Any]
    begun: float
    error: str
    number: int

    def __str__(self) -> str:
        known = f"; {self.error}" if self.error else ""
        return f"step {self.step}: {_call(self.name, self.arguments)}{known}"


@dataclass(slots=True)
class History:
    """What is known of a run."""

    contents: str = ""
    """The hash of what the run began with."""
    results: dict[str, Past] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    """The latest of each step."""
    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What was said to each question, by its step and fingerprint."""
    tokens: tuple[int, int, int] = (0, 0, 0)
    decided: dict[str, Doubt] = field(default_factory=dict)
    """Doubts that a person decided since the run last went on: until it does, they can think again."""
    _begun: dict[str, Doubt] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> History:
        history = cls()
        for event in events:
            take = _TAKERS.get(event.kind)
            if take is not None:
                take(history, event)
        return history

    @property
    def open_questions(self) -> list[Question]:
        return [asked for asked in self.questions.values() if not self._answered(asked)]

    @property
    def doubts(self) -> list[Doubt]:
        """Writes begun, not ended, and not decided, in the order in which they began."""
        return list(self._begun.values())

    def _answered(self, asked: Question) -> bool:
        return asked.step in self.results or (asked.step, asked.fingerprint) in self.answers

    def _began(self, event: Event) -> None:
        self.contents = event.data["contents"]

    def _intent(self, event: Event) -> None:
        data = event.data
        if data["idempotent"]:
            return
        arguments = data["arguments"] | {
            name: f"<{hash_[:12]}>" for name, hash_ in data.get("large", {}).items()
        }
        self._begun[event.step] = Doubt(event.step, data["name"], arguments, event.at, "", event.number)

    def _done(self, event: Event) -> None:
        data = event.data
        text, blob = _kept(data)
        self.results[event.step] = Past(
            event.number, text, blob, data.get("typed", False), data.get("seconds", 0.0)
        )
        self._begun.pop(event.step, None)
        if "tokens" in data:
            prompt, completion, calls = data["tokens"]
            self.tokens = (prompt, completion, calls)

    def _failed(self, event: Event) -> None:
        begun = self._begun.get(event.step)
        if begun is not None:
            error = f"it ended with {event.data['error']}: {event.data['message']}"
            self._begun[event.step] = replace(begun, error=error)

    def _question(self, event: Event) -> None:
        data = event.data
        self.questions[event.step] = Question(
            event.step,
            data["about"],
            data["name"],
            data["text"],
            data.get("arguments", {}),
            data["fingerprint"],
            event.at,
        )

    def _answer(self, event: Event) -> None:
        self.answers[event.step, event.data["fingerprint"]] = event.data["value"]

    def _resumed(self, event: Event) -> None:
        self.decided.clear()

    def _decision(self, event: Event) -> None:
        doubt = self._begun.pop(event.step, None)
        if doubt is not None:
            self.decided[event.step] = doubt
        self.results.pop(event.step, None)
        if event.data["verdict"] != "not-done":
            # a value that a person gave must fit the function's type; nothing does when the write is skipped
            typed = event.data["verdict"] == "done"
            text, blob = _kept(event.data)
            self.results[event.step] = Past(event.number, text, blob, typed, 0.0)


_TAKERS = {
    "began": History._began,
    "resumed": History._resumed,
    "intent": History._intent,
    "done": History._done,
    "failed": History._failed,
    "question": History._question,
    "answer": History._answer,
    "decision": History._decision,
}


def _kept(data: Mapping[str, Any]) -> tuple[str, str | None]:
    """A value as JSON text, or the hash of one that is kept aside."""
    return ("", data["blob"]) if "blob" in data else (json.dumps(data.get("value")), None)


def _call(name: str, arguments: Mapping[str, Any]) -> str:
    listed = ", ".join(f"{key}={_short(value)}" for key, value in arguments.items())
    return f"{name}({listed})"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
