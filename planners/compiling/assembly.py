"""Putting a program together from checked drafts, and telling what stands around each step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from planloom.planners.compiling.binding import Bound
from planloom.planners.compiling.outline import BodyDraft, Draft, Setting, all_drafts
from planloom.planners.compiling.program import (
    AskUnit,
    Body,
    CallUnit,
    DecideUnit,
    Export,
    Getter,
    InputNeed,
    JoinUnit,
    LoopUnit,
    Program,
    ResultUnit,
    Step,
    Unit,
)
from planloom.planners.language.nodes import Ask, Call, ForEach, If, Result
from planloom.planners.language.variables import variable_key

__all__ = ["Part", "assemble", "step_needs", "words_around"]

Part = Bound | Getter
"""What checking has made of a draft: a call's arguments, or the getter of its one value."""


def assemble(
    top: BodyDraft,
    steps: Mapping[Draft, Step],
    parts: Mapping[Draft, Part],
    needs: tuple[InputNeed, ...],
    spelling: Mapping[str, str],
) -> Program:
    """The program of a plan without errors."""
    units = {draft: _unit(draft, steps, part) for draft, part in parts.items() if draft.inner is None}
    asks = tuple(unit for unit in units.values() if isinstance(unit, AskUnit))
    return Program(_body(top, units, parts), needs, _exports(top), spelling, asks)


def _unit(draft: Draft, steps: Mapping[Draft, Step], part: Part) -> Unit:
    node = draft.node
    if isinstance(part, Bound):
        step = steps[draft]
        assert step.function is not None
        return CallUnit(step, step.function, part.constants, part.getters, part.copied)
    if isinstance(node, Ask):
        return AskUnit(steps[draft], part, variable_key(node.sets))
    if isinstance(node, If):
        return DecideUnit(part, node.condition, node.place)
    assert isinstance(node, Result)
    return ResultUnit(node.name, part, node.place)


def _loop(draft: Draft, units: Mapping[Draft, Unit], parts: Mapping[Draft, Part]) -> Unit:
    source = parts[draft]
    assert isinstance(draft.node, ForEach)
    assert draft.inner is not None
    assert not isinstance(source, Bound)
    return LoopUnit(source, _body(draft.inner, units, parts), _exports(draft.inner), draft.node.place)


def _body(body: BodyDraft, units: Mapping[Draft, Unit], parts: Mapping[Draft, Part]) -> Body:
    dependents: defaultdict[int, list[int]] = defaultdict(list)
    counts = []
    for draft in body.drafts:
        here = {unit for up, unit in draft.needs if up == 0}
        if draft.guards:
            here.add(draft.guards[-1][0])
        counts.append(len(here))
        for unit in here:
            dependents[unit].append(draft.index)
    return Body(
        units=tuple(
            _loop(draft, units, parts) if draft.inner else units.get(draft, JOIN) for draft in body.drafts
        ),
        counts=tuple(counts),
        dependents=tuple(tuple(dependents.get(draft.index, ())) for draft in body.drafts),
        outer=tuple(_outer(draft) for draft in body.drafts),
        earlier=tuple(tuple(draft.previous) for draft in body.drafts),
        guards=tuple(draft.guards[-1] if draft.guards else None for draft in body.drafts),
        appends=tuple(map(_appends, body.drafts)),
    )


JOIN = JoinUnit()


def _exports(body: BodyDraft) -> tuple[Export, ...]:
    return tuple((name, tuple(_setters(settings))) for name, settings in body.settings.items())


def _setters(settings: Sequence[Setting]) -> Iterator[tuple[int, str | None]]:
    """The units that set a name, latest first, down to one that stands under no condition."""
    for draft, export in reversed(settings):
        yield draft.index, export
        if not draft.guards:
            return


def _outer(draft: Draft) -> tuple[tuple[int, int], ...]:
    """What a draft needs from the bodies around its own."""
    return tuple(need for need in draft.needs if need[0]) if draft.body.loop else ()


def _appends(draft: Draft) -> str | None:
    if isinstance(draft.node, Call):
        return draft.node.appends
    return draft.node.name if isinstance(draft.node, Result) else None


def words_around(draft: Draft) -> tuple[str, ...]:
    """The elements around a draft in words, outermost first."""
    words = [_guard_words(draft.body, guard) for guard in draft.guards] if draft.guards else []
    loop = draft.body.loop
    if loop is None or not isinstance(loop.node, ForEach):
        return tuple(words)
    return (*words_around(loop), f"foreach ${loop.node.item} in {loop.node.source}", *words)


def _guard_words(body: BodyDraft, guard: tuple[int, bool]) -> str:
    node = body.drafts[guard[0]].node
    condition = node.condition if isinstance(node, If) else ""
    return f"if {condition}" if guard[1] else f"else of {condition}"


def step_needs(draft: Draft) -> tuple[int, ...]:
    """The numbers of the steps that a step waits for, loops and conditions seen through."""
    numbers: set[int] = set()
    around: Draft | None = draft
    while around is not None:
        for up, unit in around.needs:
            numbers.update(_steps_of(around.body.outward(up).drafts[unit]))
        # one way outwards: each condition and loop once, however deep they are nested
        around = around.body.drafts[around.guards[-1][0]] if around.guards else around.body.loop
    numbers.discard(draft.number)
    return tuple(sorted(numbers))


def _steps_of(draft: Draft) -> Iterable[int]:
    """The steps that a unit stands for: itself, or all inside a loop."""
    if draft.number:
        return (draft.number,)
    if draft.inner is not None:
        return (inner.number for inner in all_drafts(draft.inner) if inner.number)
    if draft.node is None:
        (_, loop), *_ = draft.needs  # what ends a loop waits for the loop first of all
        return _steps_of(draft.body.drafts[loop])
    return ()
