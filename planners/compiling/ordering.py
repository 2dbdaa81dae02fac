"""In which order the units of a plan may run: by data first, then by what they do to the world.

Units are sorted by the values they need, otherwise in document order. Along that order, two units on one
resource keep their order when either writes. Data edges alone would be unsound: most published plans rely on
the order in which their calls change things.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from planloom.planners.compiling.outline import BodyDraft, Draft, all_drafts
from planloom.planners.language.nodes import ForEach

__all__ = ["add_effect_order", "sort_by_data"]


def sort_by_data(top: BodyDraft) -> Draft | None:
    """Sort the drafts of every body; the draft that waits for itself, if there is one, ends it."""
    for body in _bodies(top):
        body.sorted = _sorted(body)
        if len(body.sorted) < len(body.drafts):
            placed = {draft.index for draft in body.sorted}
            return next(draft for draft in body.drafts if draft.index not in placed)
    return None


def _bodies(top: BodyDraft) -> Iterator[BodyDraft]:
    yield top
    for draft in all_drafts(top):
        if draft.inner is not None:
            yield draft.inner


def _sorted(body: BodyDraft) -> list[Draft]:
    """The drafts of a body by data, document order otherwise; drafts on a cycle are left out."""
    waiting = [_needed_here(draft) for draft in body.drafts]
    if all(draft.index > max(needed) for draft, needed in zip(body.drafts, waiting, strict=True) if needed):
        return list(body.drafts)
    dependents: list[list[int]] = [[] for _ in body.drafts]
    for draft, needed in zip(body.drafts, waiting, strict=True):
        for unit in needed:
            dependents[unit].append(draft.index)
    counts = [len(needed) for needed in waiting]
    free = [index for index, count in enumerate(counts) if not count]
    heapify(free)
    order: list[Draft] = []
    while free:
        index = heappop(free)
        order.append(body.drafts[index])
        for other in dependents[index]:
            counts[other] -= 1
            if not counts[other]:
                heappush(free, other)
    return order


def _needed_here(draft: Draft) -> set[int]:
    """The units of its own body that must come first, whether it or something in its loop needs them."""
    needed = {unit for up, unit in draft.needs if up == 0}
    if draft.guards:
        needed.update(unit for unit, _ in draft.guards)
    if draft.inner is not None:
        for inner in all_drafts(draft.inner):
            depth = _depth(inner.body, draft.body)
            needed.update(unit for up, unit in inner.needs if up == depth)
    return needed


def _depth(body: BodyDraft, outer: BodyDraft) -> int:
    if body is outer:
        return 0
    return next(up for up, around in enumerate(body.chain()) if around is outer)


@dataclass
class _Track:
    """Who wrote a resource last, and who has read it since; drafts of this body or of those around it."""

    writers: list[Draft] = field(default_factory=list)
    readers: list[Draft] = field(default_factory=list)

    def before(self, writes: bool) -> list[Draft]:
        return [*self.writers, *self.readers] if writes else self.writers

    def note(self, draft: Draft, writes: bool) -> None:
        if writes:
            self.writers, self.readers = [draft], []
        else:
            self.readers.append(draft)


def add_effect_order(top: BodyDraft) -> None:
    """Make drafts that touch one resource wait for each other where the order matters; they are sorted."""
    _order(top, {})


def _order(body: BodyDraft, inherited: dict[str, _Track]) -> dict[str, bool]:
    """Order one body; returns what it does to each resource."""
    tracks = {name: _Track(list(track.writers), list(track.readers)) for name, track in inherited.items()}
    touched: dict[str, bool] = {}
    for draft in body.sorted:
        if draft.inner is not None:
            accesses = _order(draft.inner, tracks)
            draft = _join(draft, accesses) if accesses else draft
        for resource, writes in draft.accesses.items():
            track = tracks.get(resource)
            if track is None:
                track = tracks[resource] = _Track()
            _wait(draft, track.before(writes), draft.needs)
            track.note(draft, writes)
            touched[resource] = touched.get(resource, False) or writes
    if body.loop is not None:
        _order_turns(body, tracks, touched)
    return touched


def _join(loop: Draft, accesses: dict[str, bool]) -> Draft:
    """What later units wait for in place of the loop, since an empty loop must not let them pass others."""
    join = loop.body.add(None, loop.guards)
    join.needs[(0, loop.index)] = None
    join.accesses = accesses
    return join


def _wait(draft: Draft, earlier: Iterable[Draft], into: dict[tuple[int, int], None]) -> None:
    for other in earlier:
        into[(_depth(draft.body, other.body), other.index)] = None


def _order_turns(body: BodyDraft, tracks: dict[str, _Track], touched: dict[str, bool]) -> None:
    """Each turn of a loop comes after the previous element's turn, resource by resource."""
    for draft in all_drafts(body):
        if isinstance(draft.node, ForEach) or draft.node is None:
            continue
        for resource, writes in draft.accesses.items():
            last = tracks[resource].before(writes) if touched.get(resource) else []
            _wait(draft, (other for other in last if other.body is body), draft.previous)
