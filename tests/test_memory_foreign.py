"""LangChain's and semantic-kernel's embeddings and stores in a memory; their own classes where installed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from memory_stores import WordHashes
from planloom import Kernel
from planloom.plugins.memory.errors import FilterError
from planloom.plugins.memory.langchain import LangChainEmbeddings, LangChainPassages
from planloom.plugins.memory.semantic_kernel import SemanticKernelEmbeddings
from planloom.plugins.memory.skill import MemorySkill
from planloom.plugins.memory.text_memory import SemanticTextMemory


def langchain_store(*texts: str) -> Any:
    """LangChain's in-memory store over embeddings that need no model."""
    vectorstores = pytest.importorskip(
        "langchain_core.vectorstores", reason="langchain-core is not installed"
    )
    documents = pytest.importorskip("langchain_core.documents")
    base = pytest.importorskip("langchain_core.embeddings").Embeddings
    hashes = WordHashes()

    def embed_documents(self: object, texts: list[str]) -> list[list[float]]:
        return asyncio.run(hashes.embed(texts))

    def embed_query(self: object, text: str) -> list[float]:
        return asyncio.run(hashes.embed([text]))[0]

    methods = {"embed_documents": embed_documents, "embed_query": embed_query}
    store = vectorstores.InMemoryVectorStore(type("Hashes", (base,), methods)())
    store.add_documents(
        [
            documents.Document(
                page_content=text, metadata={"source": f"{number}.md", "number": number}, id=f"k{number}"
            )
            for number, text in enumerate(texts)
        ]
    )
    return store


def test_a_plan_recalls_from_a_langchain_store() -> None:
    store = langchain_store("Bread is baked.", "The sky is blue.", "Tea is brewed.")
    kernel = Kernel()
    memory = SemanticTextMemory(embed=WordHashes())
    kernel.add_skill(MemorySkill(memory, finder=LangChainPassages(store)))
    (found,) = kernel.invoke_sync("Memory.recall", ask="who baked the bread", limit=1)
    assert (found.key, found.text, found.source) == ("k0", "Bread is baked.", "0.md")
    answer = kernel.invoke_sync("Memory.ask", question="what colour is the sky?", limit=1)
    assert answer.text == "The sky is blue. [1]"
    assert answer.citations[0].source == "1.md"


def test_filters_are_exact_or_refused() -> None:
    store = langchain_store(*(f"text {number}" for number in range(30)))
    passages = LangChainPassages(store)
    found = asyncio.run(passages.find("text", 2, where={"number": {"lt": 30}}))
    assert len(found) == 2
    with pytest.raises(FilterError, match="cannot be looked at"):
        asyncio.run(passages.find("text", 2, where={"number": {"gt": 99}}))


def test_langchain_embeddings() -> None:
    embeddings = pytest.importorskip("langchain_core.embeddings", reason="langchain-core is not installed")
    service = LangChainEmbeddings(embeddings.DeterministicFakeEmbedding(size=8), "fake", 8)
    memory = SemanticTextMemory(embed=service)
    memory.save_information_sync("facts", "Bread is baked.", key="a")
    assert memory.search_sync("facts", "Bread is baked.")[0].score == pytest.approx(1.0)


def test_semantic_kernel_embeddings() -> None:
    class Generator:
        ai_model_id = "some-model"

        async def generate_embeddings(self, texts: list[str]) -> Any:
            numpy = pytest.importorskip("numpy")
            return numpy.array([[len(text), 1.0] for text in texts])

    service = SemanticKernelEmbeddings(Generator())
    assert service.name == "some-model"
    assert asyncio.run(service.embed(["a", "bb"])) == [[1.0, 1.0], [2.0, 1.0]]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_semantic_kernels_own_class_has_what_is_used() -> None:
    base = pytest.importorskip(
        "semantic_kernel.connectors.ai.embedding_generator_base", reason="semantic-kernel is not installed"
    )
    assert callable(base.EmbeddingGeneratorBase.generate_embeddings)
    assert "ai_model_id" in base.EmbeddingGeneratorBase.model_fields
