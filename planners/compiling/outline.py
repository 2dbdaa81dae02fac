"""The outline of a plan: its units body by body, and which setting of a name a reference means.

A *unit* is one thing that the scheduler runs or decides. The branches of an ``<if>`` belong to the body
around them and carry a guard; only the body of a ``<foreach>`` is a body of its own, since it runs many
times.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from planloom.planners.language.nodes import Ask, Call, ForEach, If, Node, PlanTree
from planloom.planners.language.variables import variable_key

__all__ = ["PREVIOUS", "BodyDraft", "Draft", "Found", "Setting", "outline", "resolve"]

PREVIOUS = ""
"""The name under which every step's output is known to the next step."""

MOST_CONDITIONAL = 64
"""Settings of one name under conditions, one after the other, that a reference may have to choose from."""

Guard = tuple[int, bool]


@dataclass(eq=False, slots=True)
class Draft:
    """A unit on its way to be compiled. ``index`` is its place in its body, in document order."""

    node: Node | None
    body: BodyDraft
    index: int
    guards: tuple[Guard, ...] = ()
    number: int = 0
    """The step's number in the whole plan from 1; 0 for units that are no steps."""
    inner: BodyDraft | None = None
    needs: dict[tuple[int, int], None] = field(default_factory=dict)
    """What must be done first, as (levels up, unit)."""
    previous: dict[tuple[int, int], None] = field(default_factory=dict)
    """The same, in the previous element's turn of the loop that is that many levels up."""
    accesses: dict[str, bool] = field(default_factory=dict)
    """Resource -> whether it is written."""


@dataclass(eq=False, slots=True)
class BodyDraft:
    """The top of a plan, or the body of a ``<foreach>``."""

    loop: Draft | None = None
    item: str = ""
    drafts: list[Draft] = field(default_factory=list)
    settings: dict[str, list[Setting]] = field(default_factory=dict)
    sorted: list[Draft] = field(default_factory=list)
    """The drafts in an order in which the values that they need allow them to run."""

    def add(self, node: Node | None, guards: tuple[Guard, ...] = ()) -> Draft:
        draft = Draft(node, self, len(self.drafts), guards)
        self.drafts.append(draft)
        return draft

    def chain(self) -> Iterator[BodyDraft]:
        """This body and those around it, innermost first."""
        body: BodyDraft | None = self
        while body is not None:
            yield body
            body = body.loop.body if body.loop else None

    def outward(self, up: int) -> BodyDraft:
        """The body that stands ``up`` levels around this one."""
        body = self
        for _ in range(up):
            assert body.loop is not None
            body = body.loop.body
        return body


class Setting(NamedTuple):
    """One place where a name is set. ``export`` is the name inside the loop, when the draft is a loop."""

    draft: Draft
    export: str | None = None


class Found(NamedTuple):
    """What a name means at one place: settings, latest first, as (levels up, setting).

    ``element`` is the loop, by levels up, whose element it is. ``certain`` is false when every setting stands
    under a condition that may not hold.
    """

    settings: tuple[tuple[int, Setting], ...] = ()
    element: int | None = None
    certain: bool = False
    forward: int = 0
    """How many settings stand below, when there is none above."""
    too_many: bool = False
    """More settings under conditions than anyone could tell apart; the rest were not looked at."""


def outline(tree: PlanTree) -> BodyDraft:
    """The drafts of a whole plan; steps are numbered in document order."""
    top = BodyDraft()
    numbers = iter(range(1, 1 << 62))
    _fill(top, tree.nodes, (), numbers)
    return top


def _fill(
    body: BodyDraft, nodes: tuple[Node, ...], guards: tuple[Guard, ...], numbers: Iterator[int]
) -> None:
    for node in nodes:
        draft = body.add(node, guards)
        if isinstance(node, (Call, Ask)):
            draft.number = next(numbers)
            setting = Setting(draft)
            _set(body, PREVIOUS, setting)
            if node.sets:
                _set(body, variable_key(node.sets), setting)
        elif isinstance(node, If):
            _fill(body, node.then, (*guards, (draft.index, True)), numbers)
            _fill(body, node.otherwise, (*guards, (draft.index, False)), numbers)
        elif isinstance(node, ForEach):
            draft.inner = BodyDraft(loop=draft, item=variable_key(node.item))
            _fill(draft.inner, node.body, (), numbers)
            for name in draft.inner.settings:
                _set(body, name, Setting(draft, name))


def _set(body: BodyDraft, name: str, setting: Setting) -> None:
    body.settings.setdefault(name, []).append(setting)


def resolve(name: str, at: Draft) -> Found:
    """Which setting ``name`` means at ``at``: the latest above it, or else the only one below.

    Settings under a condition that may not hold are followed by those further up.
    """
    found: list[tuple[int, Setting]] = []
    place = at
    for up, body in enumerate(at.body.chain()):
        covered: set[tuple[Guard, ...]] = set()
        for setting in _above(body, name, place):
            found.append((up, setting))
            if _always(_widened(setting.draft.guards, covered), place):
                return Found(tuple(found), certain=True)
            if len(found) == MOST_CONDITIONAL:
                return Found(tuple(found), too_many=True)
        if body.item and name in (body.item, PREVIOUS):
            return Found(tuple(found), element=up, certain=True)
        place = body.loop or place
    if found or name == PREVIOUS:
        return Found(tuple(found))
    return _below(name, at)


def _above(body: BodyDraft, name: str, place: Draft) -> Iterator[Setting]:
    settings = body.settings.get(name, [])

    end = bisect_left(settings, place.index, key=lambda setting: setting.draft.index)
    return (settings[i] for i in range(end - 1, -1, -1) if _together(settings[i].draft, place))


def _below(name: str, at: Draft) -> Found:
    place = at
    found: list[tuple[int, Setting]] = []
    for up, body in enumerate(at.body.chain()):
        for setting in body.settings.get(name, []):
            if setting.draft.index > place.index and _together(setting.draft, place):
                found.append((up, setting))
        place = body.loop or place
    if len(found) == 1:
        return Found(tuple(found), certain=not found[0][1].draft.guards, forward=1)
    return Found(forward=len(found))


def _together(one: Draft, other: Draft) -> bool:
    """Whether both may run in one run: they are not in two branches of one ``<if>``."""
    if not one.guards:
        return True
    branches = dict(other.guards)
    return all(branches.get(unit, branch) == branch for unit, branch in one.guards)


def _widened(guards: tuple[Guard, ...], covered: set[tuple[Guard, ...]]) -> tuple[Guard, ...]:
    """The conditions under which something is set, now that it is set under ``guards`` too.

    What is set in both branches of an ``<if>`` is set under the conditions around it.
    """
    while guards:
        covered.add(guards)
        unit, branch = guards[-1]
        if (*guards[:-1], (unit, not branch)) not in covered:
            break
        guards = guards[:-1]
    return guards


def _always(guards: tuple[Guard, ...], place: Draft) -> bool:
    """Whether what holds under ``guards`` holds whenever ``place`` runs."""
    return not guards or set(guards) <= set(place.guards)


def all_drafts(body: BodyDraft) -> Iterator[Draft]:
    """Every draft of a body and of the bodies in it, in document order."""
    for draft in body.drafts:
        yield draft
        if draft.inner is not None:
            yield from all_drafts(draft.inner)
