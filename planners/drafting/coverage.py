"""Which clauses of a goal have their call yet, and how much each function would add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, pstdev

__all__ = ["Coverage", "coverage"]

ENOUGH = 1.0
"""Standard deviations: a call of a function that is less near to a clause may be for something else."""


@dataclass
class Coverage:
    """How near the functions are to each clause, in standard deviations, and which clauses are still open."""

    nearness: Sequence[Mapping[str, float]]
    open: set[int] = field(init=False)

    def __post_init__(self) -> None:
        self.open = set(range(len(self.nearness)))

    def fresh(self) -> Coverage:
        """The same, with all clauses open."""
        return Coverage(self.nearness)

    def worth(self, name: str) -> float:
        """How near a function is to the open clause that it is nearest to; 0 if none is open."""
        return max((self.nearness[clause][name] for clause in self.open), default=0.0)

    def take(self, name: str) -> None:
        """Close the clause that a call of the function is for, if it is near to one."""
        clause = max(self.open, key=lambda number: self.nearness[number][name], default=None)
        if clause is not None and self.nearness[clause][name] > ENOUGH:
            self.open.discard(clause)


def coverage(cosines: Sequence[Sequence[float]], names: Sequence[str]) -> Coverage:
    """From the cosines of each clause to the functions of these names."""
    return Coverage([dict(zip(names, _standardized(row), strict=True)) for row in cosines])


def _standardized(row: Sequence[float]) -> list[float]:
    middle, width = fmean(row), pstdev(row) or 1.0
    return [(value - middle) / width for value in row]
