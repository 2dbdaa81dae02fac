"""Finding documents by the nearness of their vectors; quicker with numpy, the same without it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import mul
from typing import Any

from planloom.planners.retrieval.word_index import Ranking, best

__all__ = ["VectorIndex"]

Vector = Sequence[float]


class VectorIndex:
    """Vectors of one dimension, by number; nearness is the cosine."""

    def __init__(self, vectors: Sequence[Vector]) -> None:
        self._cosines = _cosines([_unit(vector) for vector in vectors])

    def rank(self, vector: Vector, limit: int) -> Ranking:
        """The ``limit`` nearest ones, nearest first; those at a right angle or further are left out."""
        cosines = self._cosines(_unit(vector))
        return best({number: cosine for number, cosine in enumerate(cosines) if cosine > 0}, limit)


def _unit(vector: Vector) -> list[float]:
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]


def _cosines(vectors: list[list[float]]) -> Callable[[list[float]], list[float]]:
    try:
        import numpy
    except ImportError:
        return lambda wanted: [sum(map(mul, vector, wanted)) for vector in vectors]
    if not vectors:
        return lambda wanted: []
    matrix: Any = numpy.asarray(vectors, dtype=numpy.float64)

    def multiplied(wanted: list[float]) -> list[float]:
        products: list[float] = (matrix @ numpy.asarray(wanted)).tolist()
        return products

    return multiplied
