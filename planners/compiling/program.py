"""A plan as the scheduler runs it: checked once, run many times, with no parsing or reflection left to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from planloom.function import KernelFunction
from planloom.planners.language.nodes import Place

__all__ = [
    "AskUnit",
    "Body",
    "CallUnit",
    "DecideUnit",
    "Export",
    "Getter",
    "InputNeed",
    "JoinUnit",
    "LoopUnit",
    "Program",
    "ResultUnit",
    "Scope",
    "Step",
    "Unit",
]


class Scope(Protocol):
    """Where a getter finds values while a plan runs: one turn of one body."""

    values: list[Any]
    state: list[int]
    element: Any
    inputs: Mapping[str, Any]
    parent: Any


Export = tuple[str, tuple[tuple[int, str | None], ...]]
"""A name and the units of a body that set it, latest first, each with its own export if it is a loop."""

Getter = Callable[[Any], Any]
"""Takes a ``Scope`` and gives a value; raises ``ValueError`` with a reason when there is none."""


class Step(NamedTuple):
    """One step of a plan, as a reader of the plan sees it. ``needs`` are numbers of steps that come first."""

    number: int
    label: str
    """The number as text."""
    kind: Literal["function", "ask"]
    name: str
    arguments: Mapping[str, str]
    sets: str | None = None
    appends: str | None = None
    needs: tuple[int, ...] = ()
    under: tuple[str, ...] = ()
    """The ``<if>`` and ``<foreach>`` elements around it, outermost first, in words."""
    function: KernelFunction | None = None
    place: Place = Place()


class CallUnit(NamedTuple):
    """Calls a function: ``constants`` are ready, ``getters`` make the rest, by Python name."""

    step: Step
    function: KernelFunction
    constants: Mapping[str, Any]
    getters: tuple[tuple[str, Getter], ...]
    copied: tuple[str, ...] = ()
    """Constants that a function could change, so each call gets its own copy."""


@dataclass(frozen=True, slots=True)
class AskUnit:
    """Asks the user; ``known_as`` is the input that answers it beforehand."""

    step: Step
    question: Getter
    known_as: str


@dataclass(frozen=True, slots=True)
class DecideUnit:
    """Chooses the branch of an ``<if>``."""

    condition: Getter
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class LoopUnit:
    """Runs its body once per element."""

    source: Getter
    body: Body
    exports: tuple[Export, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class ResultUnit:
    """Returns a value without a call."""

    name: str
    value: Getter
    place: Place


@dataclass(frozen=True, slots=True)
class JoinUnit:
    """Done when a loop and all that it must wait for are done."""


Unit = CallUnit | AskUnit | DecideUnit | LoopUnit | ResultUnit | JoinUnit


@dataclass(frozen=True, slots=True)
class Body:
    """Units in document order, and what each waits for.

    ``counts[u]`` is how many units of the same turn must be done before ``u``; ``dependents[u]`` are the
    units waiting for ``u``. ``outer[u]`` and ``earlier[u]`` name units of turns around it, and of the
    previous element's turn, as (levels up, unit). ``guards[u]`` is the deciding unit and the branch.
    """

    units: tuple[Unit, ...]
    counts: tuple[int, ...]
    dependents: tuple[tuple[int, ...], ...]
    outer: tuple[tuple[tuple[int, int], ...], ...]
    earlier: tuple[tuple[tuple[int, int], ...], ...]
    guards: tuple[tuple[int, bool] | None, ...]
    appends: tuple[str | None, ...]
    """The result under which a unit's value is returned."""


@dataclass(frozen=True, slots=True)
class InputNeed:
    """A plan input. ``required`` is false when the plan has something to fall back on.

    ``implied_by`` is the argument, left out in the plan, that it would fill; ``instead`` another input that
    does as well.
    """

    name: str
    required: bool
    place: Place
    implied_by: str = ""
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A whole plan, ready to run."""

    body: Body
    needs: tuple[InputNeed, ...]
    variables: tuple[Export, ...]
    spelling: Mapping[str, str]
    """Names that steps set, by their keys, as the plan writes them first."""
    asks: tuple[AskUnit, ...]
