"""Sorts of variables that a grammar tells apart: the kinds of plain values, and each type of record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from planloom.function import KernelFunction
from planloom.planners.catalogue import alternatives
from planloom.planners.kinds import KINDS, Kind, produced, record_fields
from planloom.planners.language.variables import variable_key

__all__ = ["Sort", "sort_of", "sorts_of"]

NOT_IN_NAMES = re.compile(r"[^A-Z_]")
RESERVED = frozenset({*KINDS, "TRUTH", "ITEM", "INPUT", "RESULT", "PLAN"})


@dataclass(frozen=True)
class Sort:
    """Variables of one sort are called ``stem`` and a number; ``fields`` are a record's, by name.

    ``truths`` are those of them that are true or false, "" for the whole: they are no numbers in conditions.
    """

    stem: str
    kind: Kind
    fields: Mapping[str, Kind] = field(default_factory=dict, hash=False)
    truths: frozenset[str] = frozenset()

    def references(self, variable: str, kinds: Set[Kind]) -> list[str]:
        """The variable, and the fields of it, that are of these kinds."""
        whole = [variable] if self.kind in kinds else []
        return [*whole, *(f"{variable}.{name}" for name, kind in self.fields.items() if kind in kinds)]

    def truth_values(self, variable: str) -> list[str]:
        """The variable, and the fields of it, that are true or false."""
        return [f"{variable}.{name}" if name else variable for name in sorted(self.truths)]


TRUTH = Sort("TRUTH", "NUMBER", truths=frozenset({""}))


def sorts_of(functions: Sequence[KernelFunction]) -> tuple[Sort, ...]:
    """The sorts of what the functions give and users answer: plain kinds, then records by name."""
    kinds = {produced(function.returns) for function in functions if function.returns is not bool} | {"TEXT"}
    truths = [TRUTH] if any(function.returns is bool for function in functions) else []
    records = {sort.stem: sort for function in functions if (sort := _record(function.returns))}
    return (*(Sort(kind, kind) for kind in KINDS if kind in kinds), *truths, *records.values())


def sort_of(returned: Any, sorts: Sequence[Sort]) -> Sort | None:
    """The sort, of these, that a result of this type is of; None if nothing can refer to it."""
    found = TRUTH if returned is bool else _record(returned)
    if found in sorts:
        return found
    kind = produced(returned)
    plain = (sort for sort in sorts if sort.kind == kind and not sort.fields and not sort.truths)
    return None if returned is bool else next(plain, None)


def _record(returned: Any) -> Sort | None:
    """A record's sort; None if the type is another, may be None, or has a name that no variable can have."""
    types = record_fields(returned)
    fields = {name: produced(kind) for name, kind in types.items()}
    name = getattr(returned, "__name__", "")
    stem = NOT_IN_NAMES.sub("", variable_key(name).upper())
    if not fields or len(alternatives(returned)) > 1 or not stem.strip("_") or stem in RESERVED:
        return None
    truths = frozenset(name for name, kind in types.items() if bool in alternatives(kind))
    return Sort(stem, produced(returned), fields, truths)
