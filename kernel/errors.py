"""The errors that planloom raises, as one tree; those of memory and of Temporal are drawn beside them.

::

    PlanloomError
    ├── MissingExtraError            an optional dependency is not installed
    ├── RegistrationError            something cannot be added to a kernel
    │   ├── InvalidNameError         a skill, function or parameter name is not an identifier
    │   ├── NameClashError           the name is taken
    │   ├── PromptConfigError        a prompt folder or file cannot be read
    │   └── SpecificationError       a description of foreign functions is wrong      (planloom.plugins)
    ├── FunctionNotFoundError        no function of that name; carries the nearest names
    ├── ArgumentError                an argument is missing, unknown or of the wrong type
    ├── FunctionError                a function raised, timed out or returned what it must not
    │   ├── FunctionTimeoutError     a try of a function took longer than it may
    │   ├── DoorError                what is behind a door could not do it            (planloom.plugins)
    │   │   ├── ApiStatusError       an API answered with a failure; carries status and body
    │   │   ├── ApiUnreachableError  no answer came from an API
    │   │   ├── ChangedToolError     a tool is not what was approved
    │   │   ├── DoorResultError      a result is not what it says it is
    │   │   ├── ForeignToolError     a tool ran, and says that it failed
    │   │   ├── RedirectRefusedError an API sends the caller to another server
    │   │   ├── ServerLostError      a server ended or broke off
    │   │   └── SqlError             a database refuses a statement, or is not to be sent it
    │   ├── UnsavableValueError      a value cannot be kept in a journal              (planloom.planners)
    │   └── SkillError               a skill that ships cannot do what was asked
    │       ├── DivisionByZeroError  a division by zero
    │       ├── EmptyListError       an item or a mean of a list that has no items
    │       ├── FieldNotFoundError   an item has no such field; carries those it has
    │       ├── ForbiddenPathError   a file path leads out of the skill's root, or to no regular file
    │       ├── ForbiddenUrlError    an address is not on the skill's allow-list
    │       ├── HttpRequestError     a server cannot be reached, or answered with a failure
    │       └── TooLargeError        a file or an answer is larger than the skill's limit
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
    │   ├── GrammarError             the grammar for the answer is wrong
    │   └── ModelRequestBlocked      a real model was called while that is switched off (tests)
    ├── UsageError                   what was typed on the command line is wrong    (planloom.cli)
    │   └── SkillSourceError         a skill named there cannot be loaded
    ├── GoalFileError                goals to measure planners on cannot be read    (planloom.planners)
    ├── JournalError                 a journal cannot be used, or does not let a run go on (planloom.planners)
    │   ├── JournalDamagedError      the file does not hold what was written to it
    │   ├── JournalFileError         the file cannot be opened, read or written
    │   ├── JournalFormatError       the file is something else, or of a newer planloom
    │   ├── LeaseLostError           this process stood still, and another took its run
    │   ├── QuestionError            an answer fits no open question
    │   ├── RunChangedError          the plan or its functions are not what a run began with
    │   ├── RunExistsError           there is a run of that id already
    │   ├── RunNotFoundError         there is no run of that id
    │   ├── RunOverError             the run is over; what was asked of it comes too late
    │   └── RunOwnedError            another process is running it
    ├── LibraryError                 a stored plan cannot be kept, found or run     (planloom.planners)
    │   ├── LibraryFileError         a file of the library cannot be read
    │   ├── PlanRecursionError       stored plans call each other too deep
    │   ├── StoredPlanChanged        functions that a stored plan calls have changed
    │   └── StoredPlanNotFound       the library has no plan of that name
    ├── PlanError                    a plan is wrong; carries every diagnostic      (planloom.planners)
    ├── ReferenceSyntaxError         a ``$…`` in a value cannot be read             (planloom.planners.errors)
    ├── ConditionSyntaxError         a condition cannot be read                     (planloom.planners.errors)
    ├── ConditionError               the values in a condition cannot be compared   (planloom.planners.errors)
    ├── PathError                    a path leads nowhere in a value                (planloom.planners.errors)
    ├── RenderError                  a value cannot be written as text              (planloom.planners.errors)
    ├── PlannerError                 no plan came of a goal                         (planloom.planners)
    │   ├── InvalidGoalError         the goal is empty or too long
    │   ├── PlanNotPossible          the model says that it cannot be done with these functions
    │   ├── AnswerCutError           the answer ended at the token limit
    │   ├── NoPlanInAnswerError      the answer holds no plan
    │   └── InvalidPlanError         the answer's plan still has errors after the repairs
    ├── NotAllowed                   a policy, or a person, refuses a call          (planloom.planners)
    │   ├── CallDenied               the policy denies it
    │   └── CallNotApproved          the policy wants a yes, and it was not given
    ├── WithheldError                what a step raised, without words that may hold a secret
    └── RunError                     a run of a plan did not finish                 (planloom.planners)
        ├── StepError                a step failed; carries the step and all that was done
        │   └── StepBudgetError      a step would have used more tokens than the run may
        ├── InDoubtError             writes were begun, and nobody knows whether they happened
        ├── RunDepthError            plans run inside each other too deep
        ├── RunCancelled             the run was cancelled
        ├── RunWaiting               it waits for people, and can be resumed
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
    "DivisionByZeroError",
    "EmptyListError",
    "FieldNotFoundError",
    "ForbiddenPathError",
    "ForbiddenUrlError",
    "FunctionError",
    "FunctionNotFoundError",
    "FunctionTimeoutError",
    "HttpRequestError",
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
    "SkillError",
    "TemplateError",
    "TooLargeError",
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


class FunctionTimeoutError(FunctionError):
    """One try of a function took longer than its ``timeout``, in seconds.

    ``still_running`` is true for a function in a thread, which cannot be interrupted.
    """

    def __init__(self, function: str, timeout: float, *, still_running: bool) -> None:
        self.timeout, self.still_running = timeout, still_running
        left = "; it cannot be interrupted and is still running in its thread" if still_running else ""
        super().__init__(function, f"took longer than {timeout} s{left}")


class SkillError(FunctionError):
    """A skill that ships with planloom cannot do what was asked of it."""


class DivisionByZeroError(SkillError, ZeroDivisionError):
    """A number was to be divided by zero."""


class EmptyListError(SkillError):
    """The list has no items, so it has no first one, no largest one and no mean."""


class FieldNotFoundError(SkillError, LookupError):
    """An item has no field ``field``; ``fields`` are the names that it has."""

    def __init__(self, function: str, field: str, holder: str, fields: Sequence[str]) -> None:
        self.field, self.fields = field, tuple(fields)
        known = f"Its fields are: {', '.join(self.fields)}." if self.fields else "It has no fields."
        super().__init__(function, f"found no field {field!r} in {holder}. {known}")


class ForbiddenPathError(SkillError):
    """``path`` is not a file or folder that the skill may touch."""

    def __init__(self, function: str, path: str, reason: str) -> None:
        self.path = path
        super().__init__(function, f"may not touch {path!r}: {reason}")


class ForbiddenUrlError(SkillError):
    """``url`` is not an address that the skill may ask; it is kept without credentials and query."""

    def __init__(self, function: str, url: str, reason: str) -> None:
        self.url = url
        super().__init__(function, f"may not ask {url or 'that address'}: {reason}")


class HttpRequestError(SkillError):
    """A request failed; ``status`` is None when no answer came, and ``url`` is kept without its query."""

    def __init__(self, function: str, url: str, problem: str, status: int | None = None) -> None:
        self.url, self.status = url, status
        super().__init__(function, f"of {url} failed: {problem}")


class TooLargeError(SkillError):
    """Something is larger than ``limit``, which is in bytes or in another ``unit``."""

    def __init__(self, function: str, what: str, limit: int, unit: str = "bytes") -> None:
        self.limit = limit
        super().__init__(
            function,
            f"refused {what}: it is larger than {limit} {unit}. Raise the skill's max_{unit} to allow it.",
        )


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
    """The prompt does not fit; ``tokens`` were needed and ``limit`` is the model's context (0: not known)."""

    def __init__(self, service: str, tokens: int, limit: int) -> None:
        self.tokens, self.limit = tokens, limit
        super().__init__(
            service,
            f"the prompt takes {tokens or 'too many'} tokens and the model's context holds "
            f"{limit or 'fewer'}. Offer fewer functions, shorten the input, or use a larger context.",
        )


class GrammarError(ServiceError):
    """The grammar that the answer must follow is wrong, or allows nothing more; ``grammar`` is its text."""

    def __init__(self, service: str, message: str, grammar: str) -> None:
        self.grammar = grammar
        super().__init__(service, f"the grammar cannot be used: {message}.")


class ModelRequestBlocked(ServiceError):
    """A real model was called while ``planloom.services.allow_model_requests`` is off."""
