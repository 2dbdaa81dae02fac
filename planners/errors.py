"""The errors of making and reading plans; the whole tree is drawn in ``planloom.errors``."""

from __future__ import annotations

from collections.abc import Iterable

from planloom.errors import PlanloomError
from planloom.planners.attempt import Attempt
from planloom.planners.language.diagnostic import Diagnostic
from planloom.planners.language.report import format_diagnostics
from planloom.services.protocol import Usage

__all__ = [
    "AnswerCutError",
    "ConditionError",
    "ConditionSyntaxError",
    "InvalidGoalError",
    "InvalidPlanError",
    "NoPlanInAnswerError",
    "PathError",
    "PlanError",
    "PlanNotPossible",
    "PlannerError",
    "ReferenceSyntaxError",
    "RenderError",
]


class PlanError(PlanloomError):
    """A plan is wrong; ``diagnostics`` are all its faults and warnings, ``text`` is the plan as written."""

    def __init__(self, diagnostics: Iterable[Diagnostic], text: str = "", name: str = "plan") -> None:
        self.diagnostics = tuple(diagnostics)
        self.text, self.name = text, name
        super().__init__(self.diagnostics, text, name)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(found for found in self.diagnostics if found.is_error)

    def __str__(self) -> str:
        return format_diagnostics(self.diagnostics, self.text, self.name)


class ReferenceSyntaxError(PlanloomError, ValueError):
    """A ``$…`` cannot be read; ``offset`` is where, counted from the start of the value."""

    def __init__(self, message: str, offset: int, hint: str = "") -> None:
        self.message, self.offset, self.hint = message, offset, hint
        super().__init__(f"{message}: {hint}" if hint else message)


class ConditionSyntaxError(PlanloomError, ValueError):
    """A condition cannot be read; ``offset`` is where, counted from the start of the condition."""

    def __init__(self, message: str, offset: int, hint: str = "") -> None:
        self.message, self.offset, self.hint = message, offset, hint
        super().__init__(f"{message}: {hint}" if hint else message)


class ConditionError(PlanloomError, ValueError):
    """The values in a condition cannot be compared; nothing is guessed."""


class PathError(PlanloomError, LookupError):
    """A path leads nowhere; ``path`` is the whole path and ``position`` the step that failed."""

    def __init__(self, message: str, path: tuple[str | int, ...] = (), position: int = 0) -> None:
        self.path, self.position = path, position
        super().__init__(message)


class RenderError(PlanloomError, ValueError):
    """A value cannot be written as text: it contains itself or is nested too deep."""


class PlannerError(PlanloomError):
    """No plan came of ``goal``; carries the prompt, the model's raw answer and the diagnostics so far.

    ``attempts`` are all answers that the model gave and what was wrong with each; ``usage`` and ``seconds``
    are the tokens and the time of the whole planning.
    """

    def __init__(
        self,
        message: str,
        *,
        goal: str,
        prompt: str = "",
        answer: str = "",
        diagnostics: Iterable[Diagnostic] = (),
        attempts: Iterable[Attempt] = (),
    ) -> None:
        self.goal, self.prompt, self.answer = goal, prompt, answer
        self.diagnostics, self.attempts = tuple(diagnostics), tuple(attempts)
        self.usage, self.seconds = Usage(), 0.0
        super().__init__(message)


class InvalidGoalError(PlannerError, ValueError):
    """The goal is empty or too long, or what are to be the names of inputs are none."""


class PlanNotPossible(PlannerError):
    """The goal cannot be reached with these functions.

    ``missing`` are the parts of the goal that share no word with any function's name and description.
    """

    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = "; ".join(self.missing)
        return f"{self.args[0]} No function on offer speaks of: {parts}." if parts else str(self.args[0])


class AnswerCutError(PlannerError):
    """The answer ended at the token limit, in the middle of the plan."""


class NoPlanInAnswerError(PlannerError):
    """The answer holds no plan."""


class InvalidPlanError(PlannerError):
    """The plan in the answer still has errors after the repairs."""

    def __str__(self) -> str:
        return f"{self.args[0]}\n{format_diagnostics(self.diagnostics, self.answer)}"
