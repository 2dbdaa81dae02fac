"""The stores that the tests can use here, and an embedding service that needs no model."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from milvus_server import empty_database
from planloom.planners.retrieval.words import words
from planloom.plugins.memory.store import VectorStore
from postgres_server import new_database

__all__ = ["STORES", "MakeStore", "WordHashes"]

MakeStore = Callable[[Path], VectorStore]
"""Makes a store that keeps what it keeps below a folder of the test's own."""


def in_process(folder: Path) -> VectorStore:
    from planloom.plugins.memory.in_process import InProcessStore

    return InProcessStore()


def file(folder: Path) -> VectorStore:
    from planloom.plugins.memory.file_store import FileStore

    return FileStore(folder / "memory.db")


def milvus(folder: Path) -> VectorStore:
    """Milvus Lite; with an address in PLANLOOM_MILVUS a server's, in a database of the tests' own."""
    pytest.importorskip("pymilvus", reason="the package pymilvus is not installed")
    from planloom.plugins.memory.milvus import MilvusStore

    if address := os.environ.get("PLANLOOM_MILVUS"):
        return MilvusStore(address, database=empty_database(address))
    pytest.importorskip("milvus_lite", reason="the package milvus-lite is not installed")
    return MilvusStore(str(folder / "milvus.db"))


def postgres(folder: Path) -> VectorStore:
    """A new database on a server of the tests' own, or of PLANLOOM_POSTGRES."""
    pytest.importorskip("psycopg", reason="the package psycopg is not installed")
    from planloom.plugins.memory.pgvector import PgVectorStore

    return PgVectorStore(new_database())


def qdrant(folder: Path) -> VectorStore:
    """Its local mode; with an address in PLANLOOM_QDRANT a server's, whose collections are deleted."""
    library = pytest.importorskip("qdrant_client", reason="the package qdrant-client is not installed")
    from planloom.plugins.memory.qdrant import QdrantStore

    if address := os.environ.get("PLANLOOM_QDRANT"):
        client = library.QdrantClient(address)
        for collection in client.get_collections().collections:
            client.delete_collection(collection.name)
        return QdrantStore(address)
    return QdrantStore(str(folder / "qdrant"))


def faiss(folder: Path) -> VectorStore:
    pytest.importorskip("faiss", reason="the package faiss-cpu is not installed")
    from planloom.plugins.memory.faiss import faiss_index
    from planloom.plugins.memory.in_process import InProcessStore

    return InProcessStore(index=faiss_index())


def annoy(folder: Path) -> VectorStore:
    pytest.importorskip("annoy", reason="the package annoy is not installed")
    from planloom.plugins.memory.annoy import annoy_index
    from planloom.plugins.memory.in_process import InProcessStore

    return InProcessStore(index=annoy_index())


STORES: dict[str, MakeStore] = {
    "in-process": in_process,
    "file": file,
    "faiss": faiss,
    "annoy": annoy,
    "milvus": milvus,
    "pgvector": postgres,
    "qdrant": qdrant,
}


class WordHashes:
    """Embeds a text as the sum of a fixed vector for each of its words; texts with equal words are near."""

    def __init__(self, dimension: int = 64, name: str = "word-hashes") -> None:
        self.dimension, self.name = dimension, name
        self.embedded: list[str] = []

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.embedded += texts
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> list[float]:
        total = [1e-3] * self.dimension
        for word in words(text):
            digest = sha256(word.encode()).digest()
            for place, byte in enumerate((digest * (self.dimension // 32 + 1))[: self.dimension]):
                total[place] += byte - 127.5
        length = math.hypot(*total)
        return [value / length for value in total]
