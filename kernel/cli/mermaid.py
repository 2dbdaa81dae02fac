"""A plan's graph as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterator

from planloom.cli.graph import results_of
from planloom.cli.text import shown
from planloom.planners.compiling.program import Step
from planloom.planners.plan import Plan

__all__ = ["draw_mermaid"]


def draw_mermaid(plan: Plan) -> str:
    """Flowchart text: a box for each step, an arrow for each need, a frame for each condition and loop."""
    lines = ["flowchart TD"]
    if plan.inputs:
        lines.append(f"    inputs([{_label(', '.join(f'${name}' for name in plan.inputs))}])")
    lines += _framed(plan.steps, depth=0)
    for step in plan.steps:
        lines += [f"    s{need} --> s{step.number}" for need in step.needs]
        if step.appends:
            lines.append(f"    s{step.number} --> r{step.number}([{_label(step.appends)}])")
    for number, result in enumerate(results_of(plan.tree.nodes), start=1):
        lines.append(f"    value{number}([{_label(f'{result.name} = {shown(result.value)}')}])")
    return "\n".join(lines)


def _framed(steps: tuple[Step, ...], depth: int) -> Iterator[str]:
    """The steps' boxes, those under one condition or loop in a frame."""
    indent = "    " * (depth + 1)
    position = 0
    while position < len(steps):
        step = steps[position]
        if len(step.under) <= depth:
            shape = "{{%s}}" if step.kind == "ask" else "[%s]"
            yield f"{indent}s{step.number}{shape % _label(_title(step))}"
            position += 1
            continue
        inside = _same_frame(steps[position:], depth)
        yield f"{indent}subgraph f{depth}_{step.number}[{_label(step.under[depth])}]"
        yield from _framed(inside, depth + 1)
        yield f"{indent}end"
        position += len(inside)


def _same_frame(steps: tuple[Step, ...], depth: int) -> tuple[Step, ...]:
    frame = steps[0].under[: depth + 1]
    for count, step in enumerate(steps):
        if step.under[: depth + 1] != frame:
            return steps[:count]
    return steps


def _title(step: Step) -> str:
    sets = f" → ${step.sets}" if step.sets else ""
    return f"{step.number}. {step.name}{sets}"


def _label(text: str) -> str:
    """Text in quotes; what Mermaid would read as markup is written as its character code."""
    safe = "".join(c if c.isalnum() or c in " ._,→=$:-()" else f"#{ord(c)};" for c in text)
    return f'"{safe}"'
