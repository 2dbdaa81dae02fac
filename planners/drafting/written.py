"""A draft on its way: its lines, the calls they say, and what else each turn could have been."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from planloom.planners.choices.draft import DraftCall, Output, acts, ordered
from planloom.planners.drafting.coverage import Coverage
from planloom.planners.drafting.line_grammar import label

__all__ = ["Start", "Turn", "Written", "next_start"]

Name = str | None
"""A function to call next; None for the end."""
Start = tuple[Name, ...]
"""What a draft is made to begin with, turn by turn."""


@dataclass(frozen=True)
class Turn:
    """What was called next, and by how much that was better than each other way, in natural logarithms.

    ``worth`` is what the call is worth beside how likely it is, ``end`` what ending there is.
    """

    name: Name
    rivals: Sequence[tuple[float, Name]] = ()
    worth: float = 0.0
    end: float = 0.0


@dataclass
class Written:
    """A draft. Its outputs are not called as ``inputs`` are.

    ``worth`` is what its functions and its end are worth beside how likely they are. ``given_up``: it says
    that the goal cannot be reached. ``ended`` is false for one that goes on and on.
    """

    coverage: Coverage | None
    inputs: Collection[str] = ()
    turns: list[Turn] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    calls: dict[str, DraftCall] = field(default_factory=dict)
    worth: float = 0.0
    given_up: bool = False
    ended: bool = False

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def add(self, line: str, call: DraftCall) -> bool:
        """Take a line; False if it says again what was said.

        A change of the world can be wanted twice, but a model that makes one twice in a row goes in circles.
        """
        made = self._shared(call)
        if made is not call and (not acts(call.function) or made is self._last()):
            return False
        self.lines.append(line)
        self.calls[label(call.function.name, {*self.calls, *self.inputs})] = call
        if self.coverage is not None:
            self.coverage.take(call.function.full_name)
        return True

    def end(self, worth: float, *, given_up: bool = False) -> Written:
        self.worth += worth
        self.ended, self.given_up = True, given_up
        return self

    def _last(self) -> DraftCall | None:
        return next(reversed(self.calls.values()), None)

    def _shared(self, call: DraftCall) -> DraftCall:
        """The call, or the same one that was made before; of the calls inside it too, none is made twice."""
        for name, value in call.values.items():
            if isinstance(value, Output):
                call.values[name] = Output(self._shared(value.call), value.field)
        made = ordered(self.calls.values())
        return next((other for other in made if other.same_as(call)), call)


def next_start(drafts: Sequence[Written], tried: Collection[Start], widest: float) -> Start | None:
    """The beginning that was the least clearly worse than one that was written, and was not tried yet."""
    starts = [pair for draft in drafts for pair in _starts(draft) if pair[1] not in tried]
    gap, start = min(starts, key=lambda pair: pair[0], default=(widest, None))
    return start if gap < widest else None


def _starts(draft: Written) -> Iterator[tuple[float, Start]]:
    names = tuple(turn.name for turn in draft.turns)
    for place, turn in enumerate(draft.turns):
        yield from ((gap, (*names[:place], rival)) for gap, rival in turn.rivals)
