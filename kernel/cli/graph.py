"""A plan's graph as text: steps by how early they can start, each with what it waits for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from planloom.cli.progress import shown_arguments
from planloom.cli.text import shown
from planloom.planners.compiling.program import Step
from planloom.planners.language.nodes import ForEach, If, Node, Result
from planloom.planners.plan import Plan

__all__ = ["draw_text", "results_of", "stages"]


def draw_text(plan: Plan) -> str:
    """The graph in lines; a stage holds the steps that can run at once."""
    lines = [f"inputs  {', '.join(f'${name}' for name in plan.inputs) or 'none'}"]
    for number, steps in enumerate(stages(plan.steps), start=1):
        lines.append(f"stage {number}" + (f": {len(steps)} at once" if len(steps) > 1 else ""))
        lines += [line for step in steps for line in _drawn(step)]
    lines += [f"returns {result.name} = {shown(result.value)}" for result in results_of(plan.tree.nodes)]
    return "\n".join(lines)


def stages(steps: Iterable[Step]) -> list[list[Step]]:
    """Steps grouped by the length of the longest chain of steps that they wait for."""
    by_number = {step.number: step for step in steps}
    depths: dict[int, int] = {}
    for number in _needs_first(by_number):
        depths[number] = 1 + max((depths[need] for need in by_number[number].needs), default=-1)
    grouped: dict[int, list[Step]] = {}
    for number, step in by_number.items():
        grouped.setdefault(depths[number], []).append(step)
    return [grouped[depth] for depth in sorted(grouped)]


def _needs_first(steps: Mapping[int, Step]) -> Iterator[int]:
    """The steps' numbers, each after all that it needs; without recursion, since plans may be long."""
    placed: set[int] = set()
    for start in steps:
        pending = [start]
        while pending:
            waiting = [need for need in steps[pending[-1]].needs if need not in placed]
            if waiting:
                pending.extend(waiting)
                continue
            number = pending.pop()
            if number not in placed:
                placed.add(number)
                yield number


def results_of(nodes: Iterable[Node]) -> Iterator[Result]:
    """The ``<result>`` elements of a plan, in document order."""
    for node in nodes:
        if isinstance(node, Result):
            yield node
        elif isinstance(node, If):
            yield from results_of((*node.then, *node.otherwise))
        elif isinstance(node, ForEach):
            yield from results_of(node.body)


def _drawn(step: Step) -> Iterator[str]:
    yield f"  {step.number:>3}  {step.name}  {shown_arguments(step.arguments)}".rstrip()
    notes = [
        f"after {', '.join(map(str, step.needs))}" if step.needs else "",
        f"sets ${step.sets}" if step.sets else "",
        f"returns {step.appends}" if step.appends else "",
        *step.under,
    ]
    told = "; ".join(note for note in notes if note)
    if told:
        yield f"       {told}"
