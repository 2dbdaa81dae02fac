"""A plan on its way: calls whose arguments are literals, inputs, questions, or what other calls give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from planloom.function import KernelFunction
from planloom.planners.choices.clauses import Piece
from planloom.planners.choices.judge import result_name
from planloom.planners.language.elements import is_argument_name
from planloom.planners.language.nodes import Argument, Ask, Call, Node, PlanTree
from planloom.planners.language.references import escape_literal, path_text
from planloom.planners.language.variables import INPUT, variable_key

__all__ = [
    "Asked",
    "DraftCall",
    "Given",
    "Literal",
    "Output",
    "Source",
    "acts",
    "ordered",
    "taken_from",
    "tree_of",
    "unused",
]


@dataclass(frozen=True)
class Literal:
    """A value that stands in the goal."""

    text: str


@dataclass(frozen=True)
class Given:
    """An input of the plan."""

    name: str


@dataclass(frozen=True)
class Asked:
    """A value that nobody gave, so the user is asked for it."""

    question: str


@dataclass(frozen=True)
class Output:
    """What another call gives back, or one field of it."""

    call: DraftCall
    field: str = ""


Source = Literal | Given | Asked | Output


@dataclass(eq=False)
class DraftCall:
    """A call; ``values`` are by parameter name, ``clause`` is the part of the goal that it is for."""

    function: KernelFunction
    values: dict[str, Source]
    clause: Piece
    reported: bool = field(default=False)
    """Whether its output is for the user."""

    @property
    def acts(self) -> bool:
        """Whether it does something to the world, so that its output is not what it is called for."""
        return acts(self.function)

    def takes(self, source: Source | None) -> bool:
        """Whether an argument is this source or a part of it, here or in a look-up."""
        outputs = [value.call for value in self.values.values() if isinstance(value, Output)]
        if isinstance(source, Output) and any(call is source.call for call in outputs):
            return True
        return source in self.values.values() or any(call.takes(source) for call in outputs)

    def same_as(self, other: DraftCall) -> bool:
        return self.function is other.function and self.values == other.values


def shown(source: Source | None) -> str:
    """A source in words, for events."""
    match source:
        case Literal(text):
            return text
        case Given(name):
            return f"${name}"
        case Asked(question):
            return f"ask: {question}"
        case Output(call, _):
            return f"the result of {call.function.full_name}"
        case None:
            return "the default"


def acts(function: KernelFunction) -> bool:
    """Whether calls of a function do something to the world, so that they are not made for their output."""
    return function.effect == "write"


def ordered(calls: Iterable[DraftCall]) -> list[DraftCall]:
    """The calls, each after those whose outputs it takes; otherwise in the given order."""
    done: dict[int, DraftCall] = {}

    def visit(call: DraftCall) -> None:
        if id(call) not in done:
            for value in call.values.values():
                if isinstance(value, Output):
                    visit(value.call)
            done[id(call)] = call

    for call in calls:
        visit(call)
    return list(done.values())


def unused(calls: Sequence[DraftCall]) -> list[DraftCall]:
    """The calls that only give something, which no other call takes."""
    taken = taken_from(calls)
    return [call for call in calls if not call.acts and id(call) not in taken]


def taken_from(calls: Iterable[DraftCall]) -> set[int]:
    """The identities of the calls whose outputs these take."""
    return {id(value.call) for call in calls for value in call.values.values() if isinstance(value, Output)}


def tree_of(calls: Sequence[DraftCall], inputs: Sequence[str]) -> PlanTree:
    """The plan that the calls are."""
    return PlanTree(tuple(_Names(inputs).nodes(ordered(calls))))


class _Names:
    """Names for what calls give and what the user is asked, all different."""

    def __init__(self, inputs: Sequence[str]) -> None:
        self._taken = {variable_key(name) for name in (INPUT, *inputs)}
        self._calls: dict[int, str] = {}
        self._questions: dict[str, str] = {}

    def nodes(self, calls: Sequence[DraftCall]) -> Iterator[Node]:
        taken = taken_from(calls)
        for call in calls:
            yield from self._asks(call)
            arguments = tuple(
                Argument(parameter.name, self._text(call.values[parameter.name]))
                for parameter in call.function.parameters
                if parameter.name in call.values and is_argument_name(parameter.name)
            )
            name = self._new(result_name(call.function)) if id(call) in taken or call.reported else None
            self._calls[id(call)] = name or ""
            yield Call(
                call.function.full_name,
                arguments,
                sets=name if id(call) in taken else None,
                appends=f"RESULT__{name}" if call.reported else None,
            )

    def _asks(self, call: DraftCall) -> Iterator[Node]:
        for parameter, value in call.values.items():
            if isinstance(value, Asked) and value.question not in self._questions:
                name = self._new(parameter)
                self._questions[value.question] = name
                yield Ask(name, escape_literal(value.question))

    def _text(self, value: Source) -> str:
        match value:
            case Literal(text):
                return escape_literal(text)
            case Given(name):
                return f"${name}"
            case Asked(question):
                return f"${self._questions[question]}"
            case Output(call, field):
                return f"${self._calls[id(call)]}{path_text((field,)) if field else ''}"

    def _new(self, wanted: str) -> str:
        base = "".join(letter if letter.isalnum() else "_" for letter in wanted).upper()
        base = base if base.isidentifier() else f"R_{base}"
        numbered = (base if number == 1 else f"{base}_{number}" for number in range(1, 1_000_000))
        name = next(name for name in numbered if variable_key(name) not in self._taken)
        self._taken.add(variable_key(name))
        return name
