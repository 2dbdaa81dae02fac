"""Exit codes, and which error leads to which."""

from __future__ import annotations

from enum import IntEnum

from planloom.cli.errors import UsageError
from planloom.errors import BudgetExceededError, MissingExtraError, RegistrationError, ServiceError
from planloom.planners.errors import PlanError, PlannerError
from planloom.planners.evaluation.errors import GoalFileError
from planloom.planners.journal.errors import InDoubtError, JournalError, RunWaiting
from planloom.planners.library.library_errors import LibraryError, LibraryFileError, StoredPlanNotFound
from planloom.planners.running.run_errors import AskError, RunCancelled, RunError
from planloom.plugins.memory.errors import SemanticMemoryError

__all__ = ["Exit", "exit_for"]


class Exit(IntEnum):
    """What a script can tell from the exit code."""

    DONE = 0
    WRONG_PLAN = 1
    """The plan or the goal is wrong: diagnostics, no plan for the goal, an input that is missing."""
    USAGE = 2
    """The command line is wrong: an option, a file, a skill that cannot be loaded."""
    STEP_FAILED = 3
    """A step failed, or the run took too long; the message tells what was done before."""
    MODEL_FAILED = 4
    """The model or its server failed, while planning or in a step, or the token budget is used up."""
    WAITING = 5
    """A run of a journal waits for an answer, or for a word on a write that may have happened."""
    INTERNAL = 70
    """A fault in planloom itself."""
    INTERRUPTED = 130
    """Ctrl-C."""
    BROKEN_PIPE = 141
    """Whoever read the output went away; a run is finished all the same."""


_MODEL = (ServiceError, BudgetExceededError)
_NAMED = (UsageError, StoredPlanNotFound, LibraryFileError, GoalFileError)
"""What was named is not there, or cannot be read."""
_BY_KIND: tuple[tuple[tuple[type[BaseException], ...], Exit], ...] = (
    ((RunCancelled, KeyboardInterrupt), Exit.INTERRUPTED),
    (_NAMED, Exit.USAGE),
    ((RunWaiting, InDoubtError), Exit.WAITING),
    ((PlanError, PlannerError, AskError, LibraryError), Exit.WRONG_PLAN),
    (_MODEL, Exit.MODEL_FAILED),
    ((RunError,), Exit.STEP_FAILED),
    ((RegistrationError, MissingExtraError, JournalError, SemanticMemoryError), Exit.USAGE),
)


def exit_for(error: BaseException) -> Exit:
    """The exit code for an error that ended a command; a step that a model's failure ended is the model's."""
    if isinstance(error, RunError) and isinstance(error.__cause__, _MODEL):
        return Exit.MODEL_FAILED
    found = (code for kinds, code in _BY_KIND if isinstance(error, kinds))
    return next(found, Exit.INTERNAL)
