"""The stores that the tests can use here, and an embedding service that needs no model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from planloom.planners.retrieval.words import words
from planloom.plugins.memory.store import VectorStore

__all__ = ["STORES", "MakeStore", "WordHashes"]

MakeStore = Callable[[Path], VectorStore]
"""Makes a store that keeps what it keeps below a folder of the test's own."""


def in_process(folder: Path) -> VectorStore:
    from planloom.plugins.memory.in_process import InProcessStore

    return InProcessStore()


def file(folder: Path) -> VectorStore:
    from planloom.plugins.memory.file_store import FileStore

    return FileStore(folder / "memory.db")


STORES: dict[str, MakeStore] = {"in-process": in_process, "file": file}


class WordHashes:
    """Embeds a text as the sum of a fixed vector for each of its words; texts with equal words are near."""

    def __init__(self, dimension: int = 64, name: str = "word-hashes") -> None:
        self.dimension, self.name = dimension, name
        self.embedded: list[str] = []

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.embedded += texts
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        total = [1e-3] * self.dimension
        for word in words(text):
            digest = sha256(word.encode()).digest()
            for place, byte in enumerate((digest * (self.dimension // 32 + 1))[: self.dimension]):
                total[place] += byte - 127.5
        length = math.hypot(*total)
        return [value / length for value in total]
