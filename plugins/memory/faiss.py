"""Faiss as the index of an ``InProcessStore``."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

from planloom.errors import MissingExtraError
from planloom.plugins.memory.record import Distance
from planloom.plugins.memory.vectors import MakeIndex, VectorMatrix

__all__ = ["FaissIndex", "faiss_index"]


def faiss_index(recipe: str = "HNSW32") -> MakeIndex:
    """Indexes by Faiss, as ``InProcessStore(index=faiss_index())`` takes them.

    Args:
        recipe: a string of Faiss' index factory for an index that needs no training and can do without
            removal, such as ``"HNSW32"`` (approximate) or ``"Flat"`` (exact).

    Raises:
        MissingExtraError: faiss-cpu is not installed.
    """
    library = _library()
    return lambda dimension, distance: FaissIndex(library, recipe, dimension, distance)


class FaissIndex:
    """A Faiss index beside the vectors themselves, which answer what Faiss cannot: filtered searches.

    What was replaced or removed stays in Faiss, and is passed over, until it is as much as what is there.
    """

    def __init__(self, library: Any, recipe: str, dimension: int, distance: Distance) -> None:
        self._library, self._recipe, self._distance = library, recipe, distance
        self._vectors = VectorMatrix(dimension, distance)
        self._index = self._made()
        self._numbers: list[int] = []
        """The number of each of Faiss' rows; -1 for one that is passed over."""
        self._rows: dict[int, int] = {}

    def put(self, number: int, vector: Sequence[float]) -> None:
        self.remove(number)
        self._vectors.put(number, vector)
        self._add([number])

    def remove(self, number: int) -> None:
        self._vectors.remove(number)
        row = self._rows.pop(number, None)
        if row is not None:
            self._numbers[row] = -1
        if len(self._numbers) > 2 * len(self._rows) + 100:
            self._build_again()

    def vector(self, number: int) -> list[float]:
        return self._vectors.vector(number)

    def nearest(
        self, vector: Sequence[float], limit: int, among: Iterable[int] | None = None
    ) -> list[tuple[int, float]]:
        if among is not None or not self._rows or self._distance == "manhattan":
            return self._vectors.nearest(vector, limit, among)
        gone = len(self._numbers) - len(self._rows)
        _, (rows,) = self._index.search(self._prepared([vector]), min(limit + gone, len(self._numbers)))
        found = [self._numbers[row] for row in rows.tolist() if row >= 0]
        # scored by the vectors themselves: Faiss' own numbers differ from distance to distance
        return self._vectors.nearest(vector, limit, [number for number in found if number >= 0])

    def _build_again(self) -> None:
        self._index, self._numbers = self._made(), []
        self._add(list(self._rows))

    def _add(self, numbers: Sequence[int]) -> None:
        if not numbers:
            return
        self._index.add(self._prepared([self._vectors.vector(number) for number in numbers]))
        self._rows.update((number, len(self._numbers) + at) for at, number in enumerate(numbers))
        self._numbers += numbers

    def _prepared(self, vectors: Sequence[Sequence[float]]) -> Any:
        import numpy

        prepared = numpy.array(vectors, dtype=numpy.float32)
        if self._distance == "cosine":
            self._library.normalize_L2(prepared)
        return prepared

    def _made(self) -> Any:
        kinds = self._library.METRIC_INNER_PRODUCT, self._library.METRIC_L2
        metric = kinds[self._distance not in ("cosine", "dot")]
        return self._library.index_factory(self._vectors.dimension, self._recipe, metric)


def _library() -> Any:
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise MissingExtraError("faiss-cpu", "faiss", "faiss_index") from error
