"""Why a journal cannot be used, or does not let a run go on; drawn in ``planloom.errors``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from planloom.errors import FunctionError, PlanloomError
from planloom.planners.running.run_errors import RunError

if TYPE_CHECKING:
    from planloom.planners.journal.history import Doubt, Question
    from planloom.planners.plan import Plan
    from planloom.planners.running.records import StepRecord

__all__ = [
    "InDoubtError",
    "JournalDamagedError",
    "JournalError",
    "JournalFileError",
    "JournalFormatError",
    "LeaseLostError",
    "QuestionError",
    "RunChangedError",
    "RunExistsError",
    "RunNotFoundError",
    "RunOverError",
    "RunOwnedError",
    "RunWaiting",
    "UnsavableValueError",
]


class JournalError(PlanloomError):
    """A journal cannot be used, or does not let a run go on; ``subject`` is its path or the run's id."""

    def __init__(self, subject: str, message: str) -> None:
        self.subject = subject
        super().__init__(f"{subject}: {message}")


class JournalFileError(JournalError):
    """The file cannot be opened, read or written: no permission, a full disk, another process that writes."""


class JournalDamagedError(JournalError):
    """The file does not hold what was written to it."""


class JournalFormatError(JournalError):
    """The file is something else, or was written by a newer planloom."""


class RunNotFoundError(JournalError):
    """The journal has no run of that id."""


class RunExistsError(JournalError):
    """The journal has a run of that id already."""


class RunOwnedError(JournalError):
    """Another process is running it."""


class RunOverError(JournalError):
    """The run was cancelled, or is done: what was asked of it comes too late."""


class RunChangedError(JournalError):
    """The plan, or the functions that it calls, are not what the run began with; ``changes`` says what."""

    def __init__(self, run_id: str, changes: Sequence[str]) -> None:
        self.changes = tuple(changes)
        listed = "".join(f"\n  - {change}" for change in changes)
        super().__init__(
            run_id,
            f"the run cannot go on, because this is not what it began with:{listed}\n"
            "Resume it with what it began with, or cancel it and start a new run.",
        )


class LeaseLostError(JournalError):
    """This process stood still for longer than its lease; what it did since is not in the journal."""


class QuestionError(JournalError):
    """The run has no such question, or more than one, so that the answer fits nowhere."""


class RunWaiting(RunError):
    """The run waits for people: ``questions`` are open. Answer them, then resume ``run_id``."""

    def __init__(
        self, run_id: str, plan: Plan, questions: Sequence[Question], done: tuple[StepRecord, ...] = ()
    ) -> None:
        self.run_id, self.questions = run_id, tuple(questions)
        listed = "".join(f"\n  - {question}" for question in questions)
        super().__init__(
            f"run {run_id} waits for an answer; nothing is lost if the process ends.{listed}", plan, done
        )


class InDoubtError(RunError):
    """Writes of the run were begun and nobody knows whether they happened; ``doubts`` lists them."""

    def __init__(self, run_id: str, plan: Plan, doubts: Sequence[Doubt]) -> None:
        self.run_id, self.doubts = run_id, tuple(doubts)
        listed = "".join(f"\n  - {doubt}" for doubt in doubts)
        super().__init__(
            f"run {run_id} stopped before these writes, which were begun and may have happened:{listed}\n"
            "Look whether each was done, and decide so: done (with its value), not-done, or skip.",
            plan,
        )


class UnsavableValueError(FunctionError, TypeError):
    """A value cannot be kept in a journal; ``function`` gave it, or declares that it will."""
