"""Which part of a record a parameter wants: the number of a flight, where a flight is at hand."""

from __future__ import annotations

from typing import Any

from planloom.annotation import takes_text
from planloom.parameter import Parameter
from planloom.planners.catalogue import alternatives
from planloom.planners.kinds import fits, kind_of, record_fields
from planloom.planners.retrieval.words import words

__all__ = ["field_for"]


def field_for(returned: Any, parameter: Parameter) -> str | None:
    """The field of a record that a text or number parameter wants.

    It is the only one of a type that fits, or the one whose name says most of what the parameter says of
    itself; None if there is none, or the parameter wants a record.
    """
    if not (takes_text(parameter.annotation) or _is_number(parameter.annotation)):
        return None
    fitting = [name for name, kind in record_fields(returned).items() if fits(kind, parameter.annotation)]
    wanted = words(f"{parameter.name} {parameter.name} {parameter.description}")
    shared = {name: sum(word in words(name) for word in wanted) for name in fitting}
    best = max(fitting, key=lambda name: shared[name], default=None)
    return best if best is not None and (shared[best] or len(fitting) == 1) else None


def _is_number(annotation: Any) -> bool:
    return any(kind_of(part) == "NUMBER" for part in alternatives(annotation))
