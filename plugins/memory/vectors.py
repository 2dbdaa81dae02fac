"""Vectors in memory, compared with all others at once: exact, and quicker than an index up to a million.

A scan of 100,000 vectors of 384 dimensions takes 3 to 8 ms, as much as reading 154 MB takes; its recall is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from planloom.errors import MissingExtraError
from planloom.plugins.memory.record import Distance

try:
    import numpy
except ImportError as error:
    raise MissingExtraError("numpy", "memory", "planloom's memory") from error

__all__ = ["MakeIndex", "VectorIndex", "VectorMatrix", "packed", "unpacked"]

FIRST_ROWS = 64
BLOCK = 4096  # rows compared at a time where differences must be written down
Floats = Any


class VectorIndex(Protocol):
    """Vectors by number, findable by their nearness. One thread at a time may use it."""

    def put(self, number: int, vector: Sequence[float]) -> None:
        """Add a vector, or replace the one of that number."""
        ...

    def remove(self, number: int) -> None:
        """Forget a vector, if it is there."""
        ...

    def vector(self, number: int) -> list[float]:
        """The vector of a number that is there."""
        ...

    def nearest(
        self, vector: Sequence[float], limit: int, among: Iterable[int] | None = None
    ) -> list[tuple[int, float]]:
        """The numbers and scores of the ``limit`` nearest, best first; only of those ``among``, if given."""
        ...


MakeIndex = Callable[[int, Distance], VectorIndex]
"""Makes an index for a dimension and a distance."""


class VectorMatrix:
    """Vectors by number (any integers), growable. One thread at a time may use it.

    ``nearest`` is higher for nearer: the cosine, the dot product, or 1 / (1 + distance).
    """

    def __init__(self, dimension: int, distance: Distance = "cosine") -> None:
        self.dimension, self.distance = dimension, distance
        self._rows: Floats = numpy.empty((0, dimension), dtype=numpy.float32)
        self._lengths: Floats = numpy.empty(0, dtype=numpy.float32)
        self._numbers: Floats = numpy.empty(0, dtype=numpy.int64)
        self._places: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, number: int) -> bool:
        return number in self._places

    def load(self, numbers: Sequence[int], data: bytes) -> None:
        """Take over all vectors at once, from the bytes of 32-bit floats in a row."""
        self._rows = numpy.frombuffer(data, dtype=numpy.float32).reshape(len(numbers), self.dimension).copy()
        self._lengths = numpy.linalg.norm(self._rows, axis=1)
        self._numbers = numpy.asarray(numbers, dtype=numpy.int64)
        self._places = {number: place for place, number in enumerate(numbers)}

    def put(self, number: int, vector: Sequence[float]) -> None:
        """Add a vector, or replace the one of that number."""
        place = self._places.get(number)
        if place is None:
            place = self._places[number] = len(self._places)
            self._make_room(place + 1)
        self._rows[place] = vector
        self._lengths[place] = numpy.linalg.norm(self._rows[place])
        self._numbers[place] = number

    def remove(self, number: int) -> None:
        """Forget a vector; the last one takes its place."""
        place = self._places.pop(number, None)
        last = len(self._places)
        if place is None or place == last:
            return
        for column in (self._rows, self._lengths, self._numbers):
            column[place] = column[last]
        self._places[int(self._numbers[place])] = place

    def vector(self, number: int) -> list[float]:
        """The vector of a number that is there."""
        found: list[float] = self._rows[self._places[number]].tolist()
        return found

    def nearest(
        self, vector: Sequence[float], limit: int, among: Iterable[int] | None = None
    ) -> list[tuple[int, float]]:
        """The numbers and scores of the ``limit`` nearest, best first; only of those ``among``, if given.

        Equal scores are in the order of their numbers.
        """
        places = self._chosen(among)
        count = len(places) if places is not None else len(self._places)
        if not count or limit < 1:
            return []
        scores = self._scores(numpy.asarray(vector, dtype=numpy.float32), places)
        numbers = self._numbers[: len(self._places)] if places is None else self._numbers[places]
        best = _top(scores, numbers, limit)
        return list(zip(numbers[best].tolist(), scores[best].tolist(), strict=True))

    def _chosen(self, among: Iterable[int] | None) -> Floats | None:
        if among is None:
            return None
        places = [self._places[number] for number in among if number in self._places]
        return numpy.asarray(sorted(places), dtype=numpy.int64)

    def _scores(self, wanted: Floats, places: Floats | None) -> Floats:
        chosen: Any = slice(0, len(self._places)) if places is None else places
        rows, lengths = self._rows[chosen], self._lengths[chosen]
        if self.distance == "manhattan":
            return _manhattan(rows, wanted)
        products = rows @ wanted
        if self.distance == "dot":
            return products
        length = numpy.linalg.norm(wanted)
        if self.distance == "cosine":
            scale = lengths * length
            return numpy.divide(products, scale, out=numpy.zeros_like(products), where=scale > 0)
        squares = numpy.maximum(lengths**2 - 2 * products + length**2, 0)
        return 1 / (1 + numpy.sqrt(squares))

    def _make_room(self, rows: int) -> None:
        if rows <= len(self._numbers):
            return
        size = max(FIRST_ROWS, 2 * len(self._numbers))
        self._rows = _grown(self._rows, (size, self.dimension))
        self._lengths = _grown(self._lengths, (size,))
        self._numbers = _grown(self._numbers, (size,))


def _manhattan(rows: Floats, wanted: Floats) -> Floats:
    scores = numpy.empty(len(rows), dtype=numpy.float32)
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        scores[part] = 1 / (1 + numpy.abs(rows[part] - wanted).sum(axis=1))
    return scores


def _top(scores: Floats, numbers: Floats, limit: int) -> Floats:
    """The places of the best scores, best first."""
    if limit < len(scores):
        # all that reach the worst of the best, so that equal ones are chosen by number and not by chance
        edge = numpy.partition(scores, len(scores) - limit)[len(scores) - limit]
        places = numpy.flatnonzero(scores >= edge)
    else:
        places = numpy.arange(len(scores))
    order = numpy.lexsort((numbers[places], -scores[places]))
    return places[order][:limit]


def _grown(column: Floats, shape: tuple[int, ...]) -> Floats:
    larger = numpy.empty(shape, dtype=column.dtype)
    larger[: len(column)] = column
    return larger


def packed(vector: Sequence[float]) -> bytes:
    """A vector as 32-bit floats in a row."""
    data: bytes = numpy.asarray(vector, dtype=numpy.float32).tobytes()
    return data


def unpacked(data: bytes) -> list[float]:
    """The vector that ``packed`` wrote."""
    vector: list[float] = numpy.frombuffer(data, dtype=numpy.float32).tolist()
    return vector
