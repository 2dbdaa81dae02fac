"""Getters: what a reference, a text with references or a condition becomes when a plan is compiled."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

from planloom.planners.compiling.outline import Found
from planloom.planners.compiling.program import Getter
from planloom.planners.language.paths import walk
from planloom.planners.language.references import render_text

__all__ = ["UNSET", "converted", "element_of", "input_value", "isolated", "joined", "of_found", "walked"]

UNSET: Any = object()
DONE = 1
ATOMS = frozenset({str, int, float, bool, bytes, type(None), complex})


def of_found(found: Found, name: str, fallback: Getter | None = None) -> Getter:
    """The value that a name means; ``fallback`` when no setting of it ran."""
    if found.certain and len(found.settings) == 1 and found.element is None:
        (up, setting) = found.settings[0]
        if up == 0 and setting.export is None:
            return _output(setting.draft.index)
    if not found.settings and found.element is not None:
        return element_of(found.element)
    last = element_of(found.element) if found.element is not None else fallback
    choices = tuple((up, setting.draft.index, setting.export) for up, setting in found.settings)
    return _first_done(choices, name, last)


def _output(unit: int) -> Getter:
    return lambda scope: scope.values[unit]


def element_of(up: int) -> Getter:
    """The element of the loop around, ``up`` levels out."""

    def get(scope: Any) -> Any:
        for _ in range(up):
            scope = scope.parent
        return scope.element

    return get


def _first_done(
    choices: tuple[tuple[int, int, str | None], ...], name: str, fallback: Getter | None
) -> Getter:
    def get(scope: Any) -> Any:
        for up, unit, export in choices:
            around = scope
            for _ in range(up):
                around = around.parent
            if around.state[unit] == DONE:
                value = around.values[unit]
                return value if export is None else value[export]
        if fallback is not None:
            return fallback(scope)
        raise ValueError(f"${name} is not set: the steps that would set it were not taken")

    return get


def input_value(name: str, fallback: Getter | None = None) -> Getter:
    """A plan input; the run has checked that it is there, unless there is a ``fallback``."""
    if fallback is None:
        return lambda scope: scope.inputs[name]

    def get(scope: Any) -> Any:
        value = scope.inputs.get(name, UNSET)
        return fallback(scope) if value is UNSET else value

    return get


def walked(getter: Getter, path: tuple[str | int, ...]) -> Getter:
    """What stands at ``path`` in the value."""
    return (lambda scope: walk(getter(scope), path)) if path else getter


def joined(parts: tuple[str | Getter, ...]) -> Getter:
    """Text with values written in place, once: what comes out is never read again."""

    def get(scope: Any) -> str:
        return "".join(part if isinstance(part, str) else render_text(part(scope)) for part in parts)

    return get


def converted(getter: Getter, convert: Callable[[Any], Any]) -> Getter:
    """The value as a parameter takes it."""
    return lambda scope: convert(getter(scope))


def isolated(value: Any) -> Any:
    """``value``, or a copy of it if a function could change it: later steps see the original."""
    if type(value) in ATOMS:
        return value
    if isinstance(value, dict):
        return {key: isolated(item) for key, item in value.items()} if type(value) is dict else value
    if type(value) is list:
        return [isolated(item) for item in value]
    if (is_dataclass(value) and not isinstance(value, type)) or hasattr(type(value), "model_fields"):
        try:
            return copy.deepcopy(value)
        except TypeError:  # it holds something that cannot be copied, such as an open file
            return value
    return value
