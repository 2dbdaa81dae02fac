"""Memory: what was saved or read from documents, found again by meaning and by words.

Each name is imported on first use, and with it the packages that it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planloom.plugins.memory.annoy import annoy_index as annoy_index
    from planloom.plugins.memory.answers import Answer as Answer
    from planloom.plugins.memory.answers import Answerer as Answerer
    from planloom.plugins.memory.answers import Citation as Citation
    from planloom.plugins.memory.answers import model_answers as model_answers
    from planloom.plugins.memory.answers import quoted_answers as quoted_answers
    from planloom.plugins.memory.chat_history import ChatHistory as ChatHistory
    from planloom.plugins.memory.faiss import faiss_index as faiss_index
    from planloom.plugins.memory.file_store import FileStore as FileStore
    from planloom.plugins.memory.filters import Filter as Filter
    from planloom.plugins.memory.filters import filter_from as filter_from
    from planloom.plugins.memory.in_process import InProcessStore as InProcessStore
    from planloom.plugins.memory.ingestion import IngestOptions as IngestOptions
    from planloom.plugins.memory.ingestion import IngestProgress as IngestProgress
    from planloom.plugins.memory.ingestion import IngestReport as IngestReport
    from planloom.plugins.memory.ingestion import ingest as ingest
    from planloom.plugins.memory.ingestion import ingest_sync as ingest_sync
    from planloom.plugins.memory.langchain import LangChainEmbeddings as LangChainEmbeddings
    from planloom.plugins.memory.langchain import LangChainPassages as LangChainPassages
    from planloom.plugins.memory.milvus import MilvusStore as MilvusStore
    from planloom.plugins.memory.pgvector import PgVectorStore as PgVectorStore
    from planloom.plugins.memory.qdrant import QdrantStore as QdrantStore
    from planloom.plugins.memory.record import Collection as Collection
    from planloom.plugins.memory.record import Match as Match
    from planloom.plugins.memory.record import Record as Record
    from planloom.plugins.memory.retrieval import Finder as Finder
    from planloom.plugins.memory.retrieval import Retriever as Retriever
    from planloom.plugins.memory.semantic_kernel import SemanticKernelEmbeddings as SemanticKernelEmbeddings
    from planloom.plugins.memory.skill import MemorySkill as MemorySkill
    from planloom.plugins.memory.store import VectorStore as VectorStore
    from planloom.plugins.memory.store import WordStore as WordStore
    from planloom.plugins.memory.text_memory import Recollection as Recollection
    from planloom.plugins.memory.text_memory import SemanticTextMemory as SemanticTextMemory

_HOME = {
    "Answer": "answers",
    "Answerer": "answers",
    "ChatHistory": "chat_history",
    "Citation": "answers",
    "Collection": "record",
    "FileStore": "file_store",
    "Filter": "filters",
    "Finder": "retrieval",
    "InProcessStore": "in_process",
    "IngestOptions": "ingestion",
    "IngestProgress": "ingestion",
    "IngestReport": "ingestion",
    "LangChainEmbeddings": "langchain",
    "LangChainPassages": "langchain",
    "Match": "record",
    "MemorySkill": "skill",
    "MilvusStore": "milvus",
    "PgVectorStore": "pgvector",
    "QdrantStore": "qdrant",
    "Recollection": "text_memory",
    "Record": "record",
    "Retriever": "retrieval",
    "SemanticKernelEmbeddings": "semantic_kernel",
    "SemanticTextMemory": "text_memory",
    "VectorStore": "store",
    "WordStore": "store",
    "annoy_index": "annoy",
    "faiss_index": "faiss",
    "filter_from": "filters",
    "ingest": "ingestion",
    "ingest_sync": "ingestion",
    "model_answers": "answers",
    "quoted_answers": "answers",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
