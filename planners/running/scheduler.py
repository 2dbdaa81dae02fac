"""The deterministic core of a run: which step may start now, and what follows from a step's outcome.

It does no I/O and never looks at a clock, a random source or the network: the same outcomes in the same order
give the same decisions. That is what lets it run in process, under a journal, or inside a durable engine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planloom.planners.compiling.getters import isolated
from planloom.planners.compiling.program import (
    AskUnit,
    Body,
    CallUnit,
    DecideUnit,
    LoopUnit,
    Program,
    ResultUnit,
    Step,
)
from planloom.planners.language.nodes import Place

__all__ = ["Fault", "Scheduler", "StepCall", "Turn"]

WAITING, DONE, SKIPPED = 0, 1, 2


class Turn:
    """One turn of one body: the top of the plan once, the body of a loop once per element."""

    __slots__ = (
        "body",
        "element",
        "index",
        "inputs",
        "left",
        "loop",
        "parent",
        "pending",
        "previous",
        "state",
        "values",
        "waiters",
    )

    def __init__(self, body: Body, inputs: Mapping[str, Any]) -> None:
        size = len(body.units)
        self.body, self.inputs = body, inputs
        self.pending = list(body.counts)
        self.state = [WAITING] * size
        self.values: list[Any] = [None] * size
        self.left = size
        self.parent: Turn | None = None
        self.previous: Turn | None = None
        self.loop, self.index, self.element = -1, -1, None
        self.waiters: dict[int, list[tuple[Turn, int]]] = {}

    def path(self) -> tuple[int, ...]:
        """The index of the element of each loop around, outermost first."""
        indices: list[int] = []
        turn: Turn | None = self
        while turn is not None and turn.parent is not None:
            indices.append(turn.index)
            turn = turn.parent
        return tuple(reversed(indices))


@dataclass(slots=True)
class StepCall:
    """A step that may start: ``arguments`` by Python name for a function, the question for an ``<ask>``."""

    turn: Turn
    unit: int
    step: Step
    arguments: dict[str, Any]

    @property
    def id(self) -> str:
        """The step's number and, inside loops, the elements' indices: ``4`` or ``4[0,2]``."""
        if self.turn.parent is None:
            return self.step.label
        return f"{self.step.label}[{','.join(map(str, self.turn.path()))}]"

    @property
    def shown(self) -> dict[str, Any]:
        """The arguments by the names that plans use, for events, records and errors."""
        renamed = self.step.function.renamed if self.step.function else None
        if not renamed:
            return self.arguments
        return {renamed.get(key, key): value for key, value in self.arguments.items()}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the run cannot go on: a step that failed, or an element that could not be worked out."""

    error: BaseException
    what: str
    place: Place
    call: StepCall | None = None


@dataclass(slots=True)
class _Loop:
    """A loop that is running."""

    turn: Turn
    unit: int
    turns: list[Turn]
    left: int = field(default=0)


class Scheduler:
    """The state of one run.

    Call ``take`` until it gives None, run what it gives in any way, and tell each outcome with ``done`` or
    ``failed``; then take again. The run is over when nothing is taken and nothing is running.
    """

    def __init__(self, program: Program, inputs: Mapping[str, Any]) -> None:
        self.program = program
        self.top = Turn(program.body, inputs)
        self.faults: list[Fault] = []
        self.ready: deque[tuple[Turn, int]] = deque()
        self._arrived: deque[tuple[Turn, int]] = deque()
        self._loops: dict[tuple[int, int], _Loop] = {}
        self._start(self.top)
        self._settle()

    # -- what may start ----------------------------------------------------------------------------------

    def take(self) -> StepCall | None:
        """The next step that may start, its arguments worked out; None when there is none just now."""
        while self.ready and not self.faults:
            turn, index = self.ready.popleft()
            unit = turn.body.units[index]
            assert isinstance(unit, CallUnit | AskUnit)
            try:
                return StepCall(turn, index, unit.step, _arguments(unit, turn))
            except Exception as error:  # noqa: BLE001 - a parameter's own validator may raise anything
                call = StepCall(turn, index, unit.step, {})
                self.faults.append(Fault(error, unit.step.name, unit.step.place, call))
        return None

    # -- outcomes ----------------------------------------------------------------------------------------

    def done(self, call: StepCall, value: Any) -> None:
        """The step ended with ``value``."""
        self._complete(call.turn, call.unit, value, DONE)
        if self._arrived:
            self._settle()

    def failed(self, call: StepCall, error: BaseException) -> None:
        """The step failed; nothing new starts from now on."""
        self.faults.append(Fault(error, call.step.name, call.step.place, call))

    # -- how completion spreads --------------------------------------------------------------------------

    def _complete(self, turn: Turn, index: int, value: Any, state: int) -> None:
        turn.values[index] = value
        turn.state[index] = state
        pending = turn.pending
        for other in turn.body.dependents[index]:
            pending[other] -= 1
            if not pending[other]:
                self._arrived.append((turn, other))
        if turn.waiters:
            for waiter, other in turn.waiters.pop(index, ()):
                self._one_less(waiter, other)
        turn.left -= 1
        if not turn.left and turn.parent is not None:
            self._turn_over(turn)

    def _one_less(self, turn: Turn, index: int) -> None:
        turn.pending[index] -= 1
        if not turn.pending[index]:
            self._arrived.append((turn, index))

    def _settle(self) -> None:
        """Handle every unit that waits for nothing more; calls become ready, the rest is decided at once."""
        arrived = self._arrived
        while arrived and not self.faults:
            turn, index = arrived.popleft()
            unit = turn.body.units[index]
            if not _taken(turn, index):
                self._complete(turn, index, None, SKIPPED)
            elif isinstance(unit, CallUnit):
                self.ready.append((turn, index))
            else:
                self._decide(turn, index, unit)

    def _decide(self, turn: Turn, index: int, unit: Any) -> None:
        try:
            if isinstance(unit, DecideUnit):
                self._complete(turn, index, unit.condition(turn), DONE)
            elif isinstance(unit, LoopUnit):
                self._begin_loop(turn, index, unit)
            elif isinstance(unit, ResultUnit):
                self._complete(turn, index, unit.value(turn), DONE)
            elif isinstance(unit, AskUnit):
                self._ask(turn, index, unit)
            else:
                self._complete(turn, index, None, DONE)
        except (ValueError, LookupError) as error:
            self.faults.append(Fault(error, _words(unit), unit.place))

    def _ask(self, turn: Turn, index: int, unit: AskUnit) -> None:
        if unit.known_as in turn.inputs:
            self._complete(turn, index, turn.inputs[unit.known_as], DONE)
        else:
            self.ready.append((turn, index))

    # -- loops -------------------------------------------------------------------------------------------

    def _begin_loop(self, turn: Turn, index: int, unit: LoopUnit) -> None:
        elements = _elements(unit.source(turn))
        turns = [Turn(unit.body, turn.inputs) for _ in elements]
        self._loops[(id(turn), index)] = loop = _Loop(turn, index, turns, len(turns))
        for number, (inner, element) in enumerate(zip(turns, elements, strict=True)):
            inner.parent, inner.loop, inner.index, inner.element = turn, index, number, element
            inner.previous = turns[number - 1] if number else None
        for inner in turns:
            self._start(inner)
        if not turns:
            self._end_loop(loop)

    def _start(self, turn: Turn) -> None:
        """Wait for what is not done yet outside the turn; let go of what waits for nothing."""
        body = turn.body
        if turn.parent is None:
            self._arrived.extend((turn, index) for index, count in enumerate(body.counts) if not count)
            return
        for index in range(len(body.units)):
            for up, other in body.outer[index]:
                self._wait(turn, index, _climb(turn, up), other)
            for up, other in body.earlier[index]:
                self._wait(turn, index, _climb(turn, up).previous, other)
            if not turn.pending[index]:
                self._arrived.append((turn, index))

    def _wait(self, turn: Turn, index: int, other: Turn | None, unit: int) -> None:
        if other is not None and other.state[unit] == WAITING:
            turn.pending[index] += 1
            other.waiters.setdefault(unit, []).append((turn, index))

    def _turn_over(self, turn: Turn) -> None:
        assert turn.parent is not None
        turn.previous = None
        loop = self._loops[(id(turn.parent), turn.loop)]
        loop.left -= 1
        if not loop.left:
            self._end_loop(loop)

    def _end_loop(self, loop: _Loop) -> None:
        del self._loops[(id(loop.turn), loop.unit)]
        unit = loop.turn.body.units[loop.unit]
        assert isinstance(unit, LoopUnit)
        value = LoopValue(unit, loop.turns)
        self._complete(loop.turn, loop.unit, value, DONE)


class LoopValue(dict[str, list[Any]]):
    """The lists that a loop leaves behind by name, and what its turns return, by result."""

    def __init__(self, unit: LoopUnit, turns: Sequence[Turn]) -> None:
        super().__init__((name, [set_value(turn, units) for turn in turns]) for name, units in unit.exports)
        self.results = _loop_results(unit, turns)


def set_value(turn: Turn, units: Sequence[tuple[int, str | None]]) -> Any:
    """The latest value that one of ``units`` set in a turn; None if none of them ran."""
    for unit, export in units:
        if turn.state[unit] == DONE:
            return turn.values[unit] if export is None else turn.values[unit][export]
    return None


def returned(turn: Turn) -> list[tuple[str, Any, bool]]:
    """The results of one turn in document order: name, value, and whether it is a loop's list."""
    found: list[tuple[str, Any, bool]] = []
    for index, name in enumerate(turn.body.appends):
        if turn.state[index] != DONE:
            continue
        if name is not None:
            found.append((name, turn.values[index], False))
        elif isinstance(turn.values[index], LoopValue):
            found += [(inner, values, True) for inner, values in turn.values[index].results.items()]
    return found


def _loop_results(unit: LoopUnit, turns: Sequence[Turn]) -> dict[str, list[Any]]:
    collected: dict[str, list[Any]] = {name: [] for name in unit.body.appends if name is not None}
    for turn in turns:
        for name, value, many in returned(turn):
            collected.setdefault(name, []).extend(value if many else [value])
    return collected


def _taken(turn: Turn, index: int) -> bool:
    guard = turn.body.guards[index]
    if guard is None:
        return True
    decider, branch = guard
    return turn.state[decider] == DONE and turn.values[decider] is branch


def _climb(turn: Turn, up: int) -> Turn:
    for _ in range(up):
        assert turn.parent is not None
        turn = turn.parent
    return turn


def _arguments(unit: CallUnit | AskUnit, turn: Turn) -> dict[str, Any]:
    if isinstance(unit, AskUnit):
        return {"question": unit.question(turn)}
    arguments = dict(unit.constants)
    for key in unit.copied:
        arguments[key] = isolated(arguments[key])
    for key, getter in unit.getters:
        arguments[key] = getter(turn)
    return arguments


def _elements(value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, set | frozenset):
        raise ValueError("a set has no order; foreach needs a list")
    raise ValueError(f"foreach needs a list, not {type(value).__name__}")


def _words(unit: Any) -> str:
    if isinstance(unit, DecideUnit):
        return f"if {unit.text}"
    return f"result {unit.name}" if isinstance(unit, ResultUnit) else "foreach"
