"""Every error that planloom raises, as one tree.

::

    PlanloomError
    ├── MissingExtraError            an optional dependency is not installed
    ├── RegistrationError            something cannot be added to a kernel
    │   ├── InvalidNameError         a skill, function or parameter name is not an identifier
    │   ├── NameClashError           the name is taken
    │   └── PromptConfigError        a prompt folder or file cannot be read
    ├── FunctionNotFoundError        no function of that name; carries the nearest names
    ├── ArgumentError                an argument is missing, unknown or of the wrong type
    ├── FunctionError                a function raised, timed out or returned what it must not
    ├── TemplateError                a prompt template is wrong or cannot be rendered
    ├── BudgetExceededError          a plan or a run has used more tokens than it may
    ├── ServiceError                 a model service failed
    │   ├── ServiceNotFoundError     the kernel has no such service, or none at all
    │   ├── ModelNotFoundError       there is no such model
    │   ├── ServiceAuthError         the key is missing or wrong
    │   ├── ServiceUnavailableError  the server cannot be reached, or refuses for now
    │   ├── ServiceTimeoutError      the server or model took too long
    │   ├── ServiceResponseError     the answer is not what the protocol promises
    │   ├── ContextLengthError       the prompt does not fit the model's context
    │   └── ModelRequestBlocked      a real model was called while that is switched off (tests)
    ├── PlanError                    a plan is wrong; carries every diagnostic      (planloom.planners)
    ├── PlannerError                 no plan came of a goal                         (planloom.planners)
    │   ├── InvalidGoalError         the goal is empty or too long
    │   ├── PlanNotPossible          the model says that it cannot be done with these functions
    │   ├── AnswerCutError           the answer ended at the token limit
    │   ├── NoPlanInAnswerError      the answer holds no plan
    │   └── InvalidPlanError         the answer's plan still has errors after the repairs
    └── RunError                     a run of a plan did not finish                 (planloom.planners)
        ├── StepError                a step failed; carries the step and all that was done
        ├── RunCancelled             the run was cancelled
        ├── RunTimeoutError          the run took longer than it may
        └── AskError                 nobody can answer an ``<ask>``

Each error carries the object that it is about, and its text says what to do.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "ArgumentError",
    "BudgetExceededError",
    "ContextLengthError",
    "FunctionError",
    "FunctionNotFoundError",
    "InvalidNameError",
    "MissingExtraError",
    "ModelNotFoundError",
    "ModelRequestBlocked",
    "NameClashError",
    "PlanloomError",
    "PromptConfigError",
    "RegistrationError",
    "ServiceAuthError",
    "ServiceError",
    "ServiceNotFoundError",
    "ServiceResponseError",
    "ServiceTimeoutError",
    "ServiceUnavailableError",
    "TemplateError",
]


class PlanloomError(Exception):
    """The root of every error that planloom raises on purpose."""


class MissingExtraError(PlanloomError, ImportError):
    """An optional dependency is needed and not installed."""

    def __init__(self, package: str, extra: str, needed_for: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(
            f"{needed_for} needs the package {package}, which is not installed. "
            f"Run: pip install 'planloom[{extra}]'"
        )


class RegistrationError(PlanloomError):
    """Something cannot be added to a kernel; ``subject`` is what was given."""

    def __init__(self, message: str, subject: object = None) -> None:
        self.subject = subject
        super().__init__(message)


class InvalidNameError(RegistrationError):
    """A name is not letters, digits and underscores, or starts with a digit."""


class NameClashError(RegistrationError):
    """A name is taken already; names are compared without regard to case."""


class PromptConfigError(RegistrationError):
    """A prompt folder, its ``config.json`` or a YAML prompt cannot be read; ``subject`` is the path."""


class FunctionNotFoundError(PlanloomError, KeyError):
    """No function of that name is registered; ``nearest`` are the most similar names."""

    def __init__(self, name: str, nearest: Sequence[str] = ()) -> None:
        self.name, self.nearest = name, tuple(nearest)
        hint = f" Did you mean {' or '.join(self.nearest)}?" if self.nearest else ""
        super().__init__(f"There is no function {name!r} in this kernel.{hint}")

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would print the repr


class ArgumentError(PlanloomError, ValueError):
    """An argument of ``function`` is missing, unknown or of the wrong type."""

    def __init__(self, function: str, parameter: str, message: str) -> None:
        self.function, self.parameter = function, parameter
        super().__init__(f"{function}: argument {parameter!r} {message}")


class FunctionError(PlanloomError):
    """A function failed; ``function`` is its full name and ``__cause__`` what it raised."""

    def __init__(self, function: str, message: str) -> None:
        self.function = function
        super().__init__(f"{function} {message}")


class TemplateError(PlanloomError):
    """A prompt template is wrong or cannot be rendered; ``template`` is its text."""

    def __init__(self, message: str, template: str = "") -> None:
        self.template = template
        super().__init__(message)


class BudgetExceededError(PlanloomError):
    """More tokens were used than the budget allows."""

    def __init__(self, used: int, budget: int, what: str = "this run") -> None:
        self.used, self.budget = used, budget
        super().__init__(
            f"The token budget of {what} is used up: {used} of {budget} tokens. "
            "Raise the budget, or make the plan or its prompts shorter."
        )


class ServiceError(PlanloomError):
    """A model service failed; ``service`` is its name."""

    def __init__(self, service: str, message: str) -> None:
        self.service = service
        super().__init__(f"{service}: {message}")


class ServiceNotFoundError(ServiceError):
    """The kernel has no service of that name, or none at all."""


class ModelNotFoundError(ServiceError):
    """The model file, package or name does not exist."""


class ServiceAuthError(ServiceError):
    """The server refuses the key (401 or 403), or none was given."""


class ServiceUnavailableError(ServiceError):
    """The server cannot be reached, or keeps answering 429 or 5xx."""


class ServiceTimeoutError(ServiceError):
    """No answer within the time allowed."""


class ServiceResponseError(ServiceError):
    """The server answered something else than the protocol promises."""


class ContextLengthError(ServiceError):
    """The prompt does not fit; ``tokens`` were needed and ``limit`` is the model's context."""

    def __init__(self, service: str, tokens: int, limit: int) -> None:
        self.tokens, self.limit = tokens, limit
        super().__init__(
            service,
            f"the prompt takes {tokens} tokens and the model's context holds {limit}. "
            "Offer fewer functions, shorten the input, or use a larger context.",
        )


class ModelRequestBlocked(ServiceError):
    """A real model was called while ``planloom.services.allow_model_requests`` is off."""
