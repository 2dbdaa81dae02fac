"""Annoy as the index of an ``InProcessStore``."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

from planloom.errors import MissingExtraError
from planloom.plugins.memory.record import Distance
from planloom.plugins.memory.vectors import MakeIndex, VectorMatrix

__all__ = ["AnnoyIndex", "annoy_index"]

METRICS = {"cosine": "angular", "dot": "dot", "euclidean": "euclidean", "manhattan": "manhattan"}
SEED = 7
DEPTH = 4  # how many times the wanted number Annoy is asked for, to be put in exact order


def annoy_index(trees: int = 50, search: int = 20_000) -> MakeIndex:
    """Indexes by Annoy, as ``InProcessStore(index=annoy_index())`` takes them.

    Annoy's trees cannot change: they are built anew by the first search after anything was saved. It is for
    collections that are filled once.

    Args:
        trees: more are more exact and larger.
        search: how many nodes a search looks at; more are more exact and slower.

    Raises:
        MissingExtraError: annoy is not installed.
    """
    library = _library()
    return lambda dimension, distance: AnnoyIndex(library, trees, search, dimension, distance)


class AnnoyIndex:
    """Annoy's trees beside the vectors themselves, which answer filtered searches."""

    def __init__(self, library: Any, trees: int, search: int, dimension: int, distance: Distance) -> None:
        self._library, self._trees, self._search = library, trees, search
        self._dimension, self._distance = dimension, distance
        self._vectors = VectorMatrix(dimension, distance)
        self._numbers: set[int] = set()
        self._built: tuple[Any, list[int]] | None = None

    def put(self, number: int, vector: Sequence[float]) -> None:
        self._vectors.put(number, vector)
        self._numbers.add(number)
        self._built = None

    def remove(self, number: int) -> None:
        self._vectors.remove(number)
        self._numbers.discard(number)
        self._built = None

    def vector(self, number: int) -> list[float]:
        return self._vectors.vector(number)

    def nearest(
        self, vector: Sequence[float], limit: int, among: Iterable[int] | None = None
    ) -> list[tuple[int, float]]:
        if among is not None or not self._numbers:
            return self._vectors.nearest(vector, limit, among)
        self._built = self._built or self._build()
        trees, numbers = self._built
        places = trees.get_nns_by_vector(list(vector), DEPTH * limit, search_k=self._search)
        return self._vectors.nearest(vector, limit, [numbers[place] for place in places])

    def _build(self) -> tuple[Any, list[int]]:
        numbers = sorted(self._numbers)
        trees = self._library.AnnoyIndex(self._dimension, METRICS[self._distance])
        trees.set_seed(SEED)
        for place, number in enumerate(numbers):
            trees.add_item(place, self._vectors.vector(number))
        trees.build(self._trees)
        return trees, numbers


def _library() -> Any:
    try:
        return importlib.import_module("annoy")
    except ImportError as error:
        raise MissingExtraError("annoy", "annoy", "annoy_index") from error
