"""A person's word on a run: an answer, a decision about a write in doubt, or its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from planloom.planners.journal.entries import Entry, Packer
from planloom.planners.journal.errors import QuestionError, RunOverError, UnsavableValueError
from planloom.planners.journal.history import VERDICTS, History, Question
from planloom.planners.journal.owner import Clock
from planloom.planners.journal.rows import RunRow
from planloom.planners.journal.values import Unsavable, save

__all__ = ["Word", "given"]


@dataclass(frozen=True, slots=True)
class Word:
    """``kind`` is approve, deny, answer, cancel, or a verdict: done, not-done, skip."""

    kind: str
    step: str | None
    value: Any = None


def given(word: Word, row: RunRow, history: History, clock: Clock, limit: int) -> Entry:
    """The entry that a person's word makes.

    Raises:
        QuestionError: it answers nothing that is open.
        RunOverError: the run is over.
        UnsavableValueError: the value is not plain JSON.
    """
    if row.status in ("done", "cancelled"):
        raise RunOverError(row.id, f"the run is {row.status}; nothing can be said to it.")
    packer = Packer(limit)
    if word.kind == "cancel":
        return packer.entry("cancel", "", clock.wall())
    if word.kind in VERDICTS:
        return _decision(packer, word, row, history).entry("decision", word.step or "", clock.wall())
    question = _asked(word, row, history)
    packer.put("fingerprint", question.fingerprint)
    value = word.value if word.kind == "answer" else word.kind == "approve"
    return packer.put_json("value", _json(word, value)).entry("answer", question.step, clock.wall())


def _decision(packer: Packer, word: Word, row: RunRow, history: History) -> Packer:
    doubtful = [*(doubt.step for doubt in history.doubts), *history.decided]
    if row.lease is not None:
        raise QuestionError(row.id, "it is running; decide when it has stopped.")
    if word.step not in doubtful:
        listed = ", ".join(doubtful) or "none"
        raise QuestionError(row.id, f"step {word.step} is not in doubt. In doubt: {listed}.")
    packer.put("verdict", word.kind)
    return packer.put_value(_json(word, word.value)) if word.kind == "done" else packer


def _asked(word: Word, row: RunRow, history: History) -> Question:
    about = "ask" if word.kind == "answer" else "approval"
    found = [
        question
        for question in history.open_questions
        if question.about == about and word.step in (None, question.step)
    ]
    if len(found) == 1:
        return found[0]
    listed = "".join(f"\n  - {question}" for question in history.open_questions) or " nothing"
    problem = "asks more than one such question; name the step" if found else "has no such open question"
    raise QuestionError(row.id, f"the run {problem}. It asks:{listed}")


def _json(word: Word, value: Any) -> str:
    try:
        return save(value).text
    except Unsavable as error:
        raise UnsavableValueError(f"the answer to step {word.step}", f"cannot be kept: {error}") from error
