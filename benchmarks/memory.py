"""How well and how fast memory finds, beside others on the same data: ``python benchmarks/memory.py``.

Three tables: the published goals of Seal-Tools over its 4,076 functions, as documents: which of the functions
that a goal needs are among the first found. 100,000 passages: real vectors of these texts and their mixtures,
so that they lie as real ones do. And questions in English and Chinese to the few documents of the sample.
LangChain's in-memory store, Faiss, sqlite-vec and rank-bm25 are measured where they are installed
(``pip install langchain-core faiss-cpu sqlite-vec rank-bm25``).

``--passages N`` measures another number of passages; ``--quick`` 20,000 of them and a third of the goals.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
from bilingual import ACROSS, SAME
from published import rows

from planloom.plugins.memory import (
    Collection,
    FileStore,
    Record,
    Retriever,
    SemanticTextMemory,
    ingest_sync,
)
from planloom.plugins.memory.record import searchable_text
from planloom.services import LocalEmbeddingService

DEPTH = 10
BATCH = 1000
Search = Callable[[int, int], list[str]]
"""The keys found for question number n, at most so many."""
Vectors = Any


class Ready:
    """An embedding service that has all vectors already; the questions are known by their numbers."""

    def __init__(self, texts: dict[str, list[float]], questions: dict[str, list[float]]) -> None:
        self.name, self.dimension = "ready", len(next(iter(texts.values())))
        self._texts, self._questions = texts, questions

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._texts[text] for text in texts]

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._questions[text] for text in texts]


def embedded(texts: Sequence[str], questions: Sequence[str]) -> tuple[Vectors, Vectors]:
    """The vectors of texts and questions, made by the bundled model and kept for the next time."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "planloom" / "benchmarks"
    kept = root / f"seal-tools-{len(texts)}-{len(questions)}.npz"
    if kept.exists():
        loaded = numpy.load(kept)
        return loaded["texts"], loaded["questions"]
    service = LocalEmbeddingService()
    began = time.perf_counter()
    found = numpy.asarray(asyncio.run(service.embed(texts)), dtype=numpy.float32)
    pace = len(texts) / (time.perf_counter() - began)
    print(f"embedding with {service.name}: {pace:.0f} passages a second")
    asked = numpy.asarray(asyncio.run(service.embed_queries(questions)), dtype=numpy.float32)
    root.mkdir(parents=True, exist_ok=True)
    numpy.savez(kept, texts=found, questions=asked)
    return found, asked


def optional(name: str) -> Any:
    """The package, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


@contextmanager
def loop() -> Iterator[asyncio.Runner]:
    """One event loop for many calls, as a program has it."""
    with asyncio.Runner() as runner:
        yield runner


# -- recall on published goals -------------------------------------------------------------------------------


def document(row: dict[str, Any]) -> str:
    parts = {**row["params"], **row["responses"]}
    shown = " ".join(f"{name}: {part['description']}" for name, part in parts.items())
    return f"{row['name']}: {row['description']} {shown}"


def published_goals(share: float) -> None:
    catalogue, goals = rows("sealtools_catalogue.jsonl"), rows("sealtools.jsonl")
    texts, questions = [document(row) for row in catalogue], [goal["goal"] for goal in goals]
    names = [row["name"] for row in catalogue]
    vectors, asked = embedded(texts, questions)
    goals = goals[: int(share * len(goals))]
    wanted = [{step["function"] for step in goal["steps"]} for goal in goals]
    print(f"\n{len(goals)} published goals over {len(names)} documents\n")
    print("| found by | recall@5 | recall@10 | ms a question |\n|---|---|---|---|")
    with loop() as runner:
        for name, search in (
            *ours(runner, names, texts, vectors, questions, asked),
            *langchain(names, vectors, asked),
            *faiss(names, vectors, asked, ("Flat",)),
            *plain_bm25(names, texts, questions),
        ):
            report_recall(name, search, wanted)


def report_recall(name: str, search: Search, wanted: Sequence[set[str]]) -> None:
    search(0, DEPTH)
    began = time.perf_counter()
    found = [search(number, DEPTH) for number in range(len(wanted))]
    pace = 1000 * (time.perf_counter() - began) / len(wanted)
    total = sum(map(len, wanted))
    shares = [
        100 * sum(len(w & set(f[:depth])) for w, f in zip(wanted, found, strict=True)) / total
        for depth in (5, DEPTH)
    ]
    print(f"| {name} | {shares[0]:.1f} % | {shares[1]:.1f} % | {pace:.1f} |")


def ours(
    runner: asyncio.Runner,
    names: Sequence[str],
    texts: Sequence[str],
    vectors: Vectors,
    questions: Sequence[str],
    asked: Vectors,
) -> Iterator[tuple[str, Search]]:
    by_text = dict(zip(texts, vectors.tolist(), strict=True))
    by_question = dict(zip(questions, asked.tolist(), strict=True))
    memory = SemanticTextMemory(FileStore(":memory:"), Ready(by_text, by_question))
    records = [
        Record(f"{number} {name}", text) for number, (name, text) in enumerate(zip(names, texts, strict=True))
    ]
    runner.run(memory.save("documents", records))

    def searching(retriever: Retriever) -> Search:
        def search(number: int, limit: int) -> list[str]:
            found = runner.run(retriever.find(questions[number], limit))
            return [hit.key.partition(" ")[2] for hit in found]

        return search

    yield "planloom, hybrid", searching(Retriever(memory, "documents"))
    yield "planloom, words", searching(Retriever(memory, "documents", mode="words"))
    yield "planloom, vectors", searching(Retriever(memory, "documents", mode="vectors"))


def plain_bm25(
    names: Sequence[str], texts: Sequence[str], questions: Sequence[str]
) -> Iterator[tuple[str, Search]]:
    library = optional("rank_bm25")
    if library is None:
        return
    index = library.BM25Okapi([text.lower().split() for text in texts])

    def search(number: int, limit: int) -> list[str]:
        scores = index.get_scores(questions[number].lower().split())
        return [names[place] for place in numpy.argsort(-scores)[:limit]]

    yield "rank-bm25, words between spaces", search


# -- two languages -------------------------------------------------------------------------------------------


def two_languages() -> None:
    memory = SemanticTextMemory()
    ingest_sync(memory, "bakery", Path(__file__).parent.parent / "samples" / "documents")
    passages = asyncio.run(everything(memory))
    print(f"\n{len(SAME)} questions in the answer's language and {len(ACROSS)} in the other one, ", end="")
    print(f"to {len(passages)} passages\n")
    print("| found by | own language, first | among 3 | other language, first | among 3 |")
    print("|---|---|---|---|---|")
    for mode in ("hybrid", "words", "vectors"):
        report_languages(f"planloom, {mode}", texts_found(Retriever(memory, "bakery", mode=mode)))
    library = optional("rank_bm25")
    if library is not None:
        index = library.BM25Okapi([text.lower().split() for text in passages])
        report_languages(
            "rank-bm25, words between spaces",
            lambda question: index.get_top_n(question.lower().split(), passages, 3),
        )


async def everything(memory: SemanticTextMemory) -> list[str]:
    return [searchable_text(record) async for record in memory.store.scan("bakery")]


def texts_found(retriever: Retriever) -> Callable[[str], list[str]]:
    return lambda question: [found.text for found in retriever.find_sync(question, 3)]


def report_languages(name: str, search: Callable[[str], list[str]]) -> None:
    shares = []
    for questions in (SAME, ACROSS):
        found = [(search(question), answer) for question, answer in questions]
        for depth in (1, 3):
            hits = sum(any(answer in text for text in texts[:depth]) for texts, answer in found)
            shares.append(f"{hits} of {len(questions)}")
    print(f"| {name} | {' | '.join(shares)} |")


# -- others --------------------------------------------------------------------------------------------------


def langchain(keys: Sequence[str], vectors: Vectors, asked: Vectors) -> Iterator[tuple[str, Search]]:
    stores = optional("langchain_core.vectorstores")
    if stores is None:
        return
    documents = importlib.import_module("langchain_core.documents")
    by_key = dict(zip(map(str, range(len(keys))), vectors.tolist(), strict=True))

    class Known(importlib.import_module("langchain_core.embeddings").Embeddings):  # type: ignore[misc]
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [by_key[text] for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return by_key[text]

    store = stores.InMemoryVectorStore(Known())
    store.add_documents([documents.Document(page_content=number) for number in by_key])

    def search(number: int, limit: int) -> list[str]:
        found = store.similarity_search_by_vector(asked[number].tolist(), k=limit)
        return [keys[int(hit.page_content)] for hit in found]

    yield "LangChain, in memory", search


def faiss(
    keys: Sequence[str], vectors: Vectors, asked: Vectors, recipes: Sequence[str]
) -> Iterator[tuple[str, Search]]:
    library = optional("faiss")
    if library is None:
        return
    for recipe in recipes:
        index = library.index_factory(vectors.shape[1], recipe, library.METRIC_INNER_PRODUCT)
        index.add(vectors)

        def search(number: int, limit: int, index: Any = index) -> list[str]:
            return [keys[place] for place in index.search(asked[number : number + 1], limit)[1][0]]

        yield f"Faiss, {recipe}", search


def sqlite_vec(
    folder: str, keys: Sequence[str], vectors: Vectors, asked: Vectors
) -> Iterator[tuple[str, Search]]:
    library, sqlite = optional("sqlite_vec"), importlib.import_module("sqlite3")
    if library is None or not hasattr(sqlite.Connection, "enable_load_extension"):
        return
    file = sqlite.connect(f"{folder}/sqlite-vec.db")
    file.enable_load_extension(True)
    library.load(file)
    file.execute(f"CREATE VIRTUAL TABLE v USING vec0(e float[{vectors.shape[1]}] distance_metric=cosine)")
    file.executemany(
        "INSERT INTO v (rowid, e) VALUES (?, ?)", ((n, v.tobytes()) for n, v in enumerate(vectors))
    )
    file.commit()

    def search(number: int, limit: int) -> list[str]:
        found = file.execute(
            "SELECT rowid FROM v WHERE e MATCH ? AND k = ?", (asked[number].tobytes(), limit)
        )
        return [keys[row[0]] for row in found]

    yield "sqlite-vec, one file", search


# -- many passages -------------------------------------------------------------------------------------------


def many_passages(count: int) -> None:
    vectors, asked = mixtures(count)
    keys = [str(number) for number in range(count)]
    exact = [set(map(str, numpy.argsort(-(vectors @ question))[:DEPTH])) for question in asked]
    with loop() as runner, tempfile.TemporaryDirectory() as folder:
        store = filled_store(runner, folder, keys, vectors)
        print(f"\n{len(asked)} questions to {count:,} passages of {vectors.shape[1]} dimensions\n")
        print(
            f"| found by | recall@{DEPTH} of the exact ones | ms, middle | ms, 95 of 100 |\n|---|---|---|---|"
        )
        search = file_search(runner, store, asked)
        report_speed("planloom, one file", search, exact)
        for name, other in (
            *faiss(keys, vectors, asked, ("Flat", "HNSW32")),
            *sqlite_vec(folder, keys, vectors, asked),
        ):
            report_speed(name, other, exact)
        for name, other in langchain(keys, vectors, asked):
            report_speed(name, other, exact[:5])
        runner.run(store.close())


def mixtures(count: int) -> tuple[Vectors, Vectors]:
    """Real vectors, and as many more as are wanted between them."""
    catalogue, goals = rows("sealtools_catalogue.jsonl"), rows("sealtools.jsonl")
    real, asked = embedded([document(row) for row in catalogue], [goal["goal"] for goal in goals])
    draw = numpy.random.default_rng(0)
    first, second, third = (real[draw.integers(0, len(real), count)] for _ in range(3))
    mixed = first + 0.5 * (second - third)
    vectors = mixed / numpy.linalg.norm(mixed, axis=1, keepdims=True)
    return vectors.astype(numpy.float32), asked[:200]


def filled_store(runner: asyncio.Runner, folder: str, keys: Sequence[str], vectors: Vectors) -> FileStore:
    path = Path(folder, "memory.db")
    store = FileStore(path)
    runner.run(store.create(Collection("many", "bench", int(vectors.shape[1]))))
    catalogue = [document(row) for row in rows("sealtools_catalogue.jsonl")]
    records = (
        Record(key, catalogue[number % len(catalogue)], vectors[number].tolist())
        for number, key in enumerate(keys)
    )
    began = time.perf_counter()
    while batch := [record for _, record in zip(range(BATCH), records, strict=False)]:
        runner.run(store.upsert("many", batch))
    took = time.perf_counter() - began
    print(f"saving: {len(keys) / took:,.0f} passages a second, words indexed too; ", end="")
    print(f"the file has {path.stat().st_size / 1e6:,.0f} MB")
    before, began = memory_used(), time.perf_counter()
    runner.run(store.nearest("many", vectors[0].tolist(), 1))
    print(f"first search: {time.perf_counter() - began:.2f} s and {memory_used() - before:,.0f} MB of memory")
    return store


def file_search(runner: asyncio.Runner, store: FileStore, asked: Vectors) -> Search:
    questions = asked.tolist()

    def search(number: int, limit: int) -> list[str]:
        return [match.record.key for match in runner.run(store.nearest("many", questions[number], limit))]

    return search


def report_speed(name: str, search: Search, exact: Sequence[set[str]]) -> None:
    search(0, DEPTH)
    times, hits = [], 0
    for number, best in enumerate(exact):
        began = time.perf_counter()
        found = search(number, DEPTH)
        times.append(1000 * (time.perf_counter() - began))
        hits += len(best & set(found))
    recall = hits / (DEPTH * len(exact))
    late = sorted(times)[int(0.95 * len(times))]
    print(f"| {name} | {recall:.3f} | {statistics.median(times):.1f} | {late:.1f} |")


def memory_used() -> float:
    """What this process holds in memory now, in MB (on Linux; 0 elsewhere)."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6 if status.exists() else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    try:
        many_passages(20_000 if arguments.quick else arguments.passages)
        published_goals(0.3 if arguments.quick else 1.0)
        two_languages()
    except FileNotFoundError as error:
        print(f"The published data are not there: {error.filename}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
