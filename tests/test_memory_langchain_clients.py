"""Weaviate and Pinecone through LangChain's own classes and their own clients, up to the wire.

Neither has a server that a package ships. What answers here speaks the little of their protocols that a
search needs: the requests are the clients' own, the answers are made up. Chroma runs as it is.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from memory_stores import WordHashes
from planloom.plugins.memory.errors import StoreUnavailableError
from planloom.plugins.memory.langchain import LangChainPassages

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

QUESTION = "When is bread baked?"


def embeddings() -> Any:
    """LangChain's embeddings without a model."""
    core = pytest.importorskip("langchain_core.embeddings", reason="langchain-core is not installed")
    hashes = WordHashes()

    def embed_query(self: object, text: str) -> list[float]:
        return hashes.vector(text)

    def embed_documents(self: object, texts: list[str]) -> list[list[float]]:
        return [hashes.vector(text) for text in texts]

    methods = {"embed_query": embed_query, "embed_documents": embed_documents}
    return type("Hashes", (core.Embeddings,), methods)()


@contextmanager
def answering(answers: dict[str, Any]) -> Iterator[tuple[int, list[tuple[str, Any]]]]:
    """A server on this machine with an answer for each path; gives its port and what it was asked."""
    asked: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.path, json.loads(body) if body else None))
            answer = json.dumps(answers.get(self.path, {})).encode()
            self.send_response(200 if self.path in answers else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, format: str, *arguments: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# -- Pinecone ------------------------------------------------------------------------------------------------

BREAD = {"text": "Bread is baked at dawn.", "source": "a.md", "year": 2024}
TEA = {"text": "Tea is brewed.", "source": "b.md", "year": 2019}
MATCHES = [{"id": "p1", "score": 0.9, "metadata": BREAD}, {"id": "p2", "score": 0.4, "metadata": TEA}]


def pinecone(port: int) -> LangChainPassages:
    library = pytest.importorskip("langchain_pinecone", reason="langchain-pinecone is not installed")
    store = library.PineconeVectorStore(
        embedding=embeddings(), pinecone_api_key="hunter2", host=f"http://127.0.0.1:{port}"
    )
    return LangChainPassages(store)


def test_pinecones_client_is_asked_and_its_answer_understood() -> None:
    with answering({"/query": {"matches": MATCHES, "namespace": ""}}) as (port, asked):
        found = asyncio.run(pinecone(port).find(QUESTION, 2))
        filtered = asyncio.run(pinecone(port).find(QUESTION, 1, where={"year": {"gte": 2020}}))
    assert [(item.key, item.text, item.source) for item in found] == [
        ("p1", "Bread is baked at dawn.", "a.md"),
        ("p2", "Tea is brewed.", "b.md"),
    ]
    assert [item.key for item in filtered] == ["p1"]
    (path, body), (_, wide) = asked
    assert path == "/query"
    assert body["vector"] == pytest.approx(WordHashes().vector(QUESTION), abs=1e-6)
    assert (body["topK"], wide["topK"]) == (2, 10)


def test_a_pinecone_that_is_down_is_named_and_the_key_is_not(closed_port: int) -> None:
    with pytest.raises(StoreUnavailableError, match="PineconeVectorStore") as caught:
        asyncio.run(pinecone(closed_port).find(QUESTION))
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine that nobody answers at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


# -- Weaviate ------------------------------------------------------------------------------------------------

SHARDS = ("desiredCount", "actualCount", "desiredVirtualCount", "actualVirtualCount")
PAGES = {
    "class": "Pages",
    "properties": [],
    "vectorizer": "none",
    "multiTenancyConfig": {"enabled": False},
    "replicationConfig": {"factor": 1},
    "shardingConfig": {"virtualPerPhysical": 1, "key": "_id", "strategy": "hash", "function": "murmur3"}
    | dict.fromkeys(SHARDS, 1),
    "invertedIndexConfig": {
        "bm25": {"b": 0.75, "k1": 1.2},
        "cleanupIntervalSeconds": 60,
        "stopwords": {"preset": "en", "additions": None, "removals": None},
    },
}


@contextmanager
def searchable() -> Iterator[tuple[int, list[Any]]]:
    """A gRPC server that finds one page for every search; gives its port and what it was asked."""
    pytest.importorskip("langchain_weaviate", reason="langchain-weaviate is not installed")
    grpc = importlib.import_module("grpc")
    messages = importlib.import_module("weaviate.proto.v1")
    asked: list[Any] = []

    class Searches(messages.weaviate_pb2_grpc.WeaviateServicer):  # type: ignore[misc, name-defined]
        def Search(self, request: Any, context: Any) -> Any:
            asked.append(request)
            value = messages.properties_pb2.Value
            fields = {
                "text": value(text_value="Bread is baked at dawn."),
                "source": value(text_value="a.md"),
                "written": value(date_value="2024-05-01T00:00:00Z"),
            }
            page = messages.search_get_pb2.PropertiesResult(
                non_ref_props=messages.properties_pb2.Properties(fields=fields)
            )
            about = messages.search_get_pb2.MetadataResult(score=0.75, score_present=True)
            result = messages.search_get_pb2.SearchResult(properties=page, metadata=about)
            return messages.search_get_pb2.SearchReply(results=[result])

    server = grpc.server(ThreadPoolExecutor(2))
    messages.weaviate_pb2_grpc.add_WeaviateServicer_to_server(Searches(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port, asked
    finally:
        server.stop(None).wait()


def test_weaviates_client_is_asked_and_its_answer_understood() -> None:
    rest = {"/v1/meta": {"version": "1.30.0"}, "/v1/schema/Pages": PAGES}
    with searchable() as (grpc_port, asked), answering(rest) as (port, _):
        weaviate = importlib.import_module("weaviate")
        client = weaviate.connect_to_local("127.0.0.1", port, grpc_port, skip_init_checks=True)
        library = importlib.import_module("langchain_weaviate")
        try:
            store = library.WeaviateVectorStore(client, "Pages", "text", embeddings())
            passages = LangChainPassages(store)
            (found,) = asyncio.run(passages.find(QUESTION, 3))
            assert (found.text, found.source, found.score) == ("Bread is baked at dawn.", "a.md", 0.75)
            assert str(found.metadata["written"]).startswith("2024-05-01")
            assert json.dumps(dict(found.metadata))
            assert (asked[0].collection, asked[0].limit) == ("Pages", 3)
            assert asked[0].hybrid_search.query == QUESTION
        finally:
            client.close()
        with pytest.raises(StoreUnavailableError, match="WeaviateVectorStore"):
            asyncio.run(passages.find(QUESTION))


# -- Chroma --------------------------------------------------------------------------------------------------


def test_chroma_as_it_is(tmp_path: Path) -> None:
    library = pytest.importorskip("langchain_chroma", reason="langchain-chroma is not installed")
    store = library.Chroma("pages", embeddings(), persist_directory=str(tmp_path))
    pages = {"p1": BREAD, "p2": TEA}
    store.add_texts(
        [str(page["text"]) for page in pages.values()],
        metadatas=[{"source": page["source"], "year": page["year"]} for page in pages.values()],
        ids=list(pages),
    )
    passages = LangChainPassages(store, higher_is_nearer=False)
    near, far = asyncio.run(passages.find(QUESTION, 2))
    assert (near.key, near.text, near.source) == ("p1", "Bread is baked at dawn.", "a.md")
    assert near.score > far.score
    filtered = asyncio.run(passages.find(QUESTION, 1, where={"year": {"lt": 2020}}))
    assert [item.key for item in filtered] == ["p2"]
