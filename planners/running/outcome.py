"""The results, the text and the variables of a run that is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planloom.planners.compiling.outline import PREVIOUS
from planloom.planners.language.references import render_text
from planloom.planners.running.scheduler import DONE, LoopValue, Scheduler, returned, set_value

__all__ = ["results_of", "variables_of"]


def results_of(core: Scheduler) -> tuple[dict[str, Any], list[str]]:
    """The named results, and the lines of the run's text."""
    found = returned(core.top)
    results: dict[str, Any] = {}
    many: set[str] = set()
    lines: list[str] = []
    for name, value, is_list in found:
        if name in results:
            before = results[name] if name in many else [results[name]]
            results[name] = before + (value if is_list else [value])
            many.add(name)
        else:
            results[name] = value
            many |= {name} if is_list else set()
        lines += [render_text(item) for item in value] if is_list else [render_text(value)]
    if not results:
        lines = _last_lines(core)
    return results, lines


def _last_lines(core: Scheduler) -> list[str]:
    exports = dict(core.program.variables)
    for unit, export in exports.get(PREVIOUS, ()):
        if core.top.state[unit] == DONE:
            value = core.top.values[unit]
            if isinstance(value, LoopValue):
                return [render_text(item) for item in value[export or PREVIOUS]]
            return [render_text(value)]
    return [""]


def variables_of(core: Scheduler, given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs, and what was set, in the plan's spelling."""
    found = dict(given)
    state = core.top.state
    for name, units in core.program.variables:
        if name != PREVIOUS and any(state[unit] == DONE for unit, _ in units):
            found[core.program.spelling[name]] = set_value(core.top, units)
    return found
