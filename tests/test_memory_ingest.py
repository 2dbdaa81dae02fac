"""Documents into memory: what is embedded again, what is forgotten, and runs that were stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from memory_stores import WordHashes
from planloom.errors import ServiceUnavailableError
from planloom.plugins.memory.errors import (
    DocumentError,
    DocumentTooLargeError,
    EmbeddingModelError,
    NotTextError,
)
from planloom.plugins.memory.file_store import FileStore
from planloom.plugins.memory.in_process import InProcessStore
from planloom.plugins.memory.ingestion import IngestOptions, IngestProgress, IngestReport, ingest, ingest_sync
from planloom.plugins.memory.store import VectorStore
from planloom.plugins.memory.text_memory import SemanticTextMemory


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def texts_in(store: VectorStore) -> set[tuple[str, str]]:
    async def scan() -> set[tuple[str, str]]:
        return {(record.source, record.text) async for record in store.scan("docs")}

    return asyncio.run(scan())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    write(folder, a="# Tea\nGreen tea.\n\n# Coffee\nBlack coffee.", b="Water.")
    return folder


def test_documents_become_records_with_source_heading_and_page(folder: Path) -> None:
    memory = SemanticTextMemory(embed=WordHashes())
    (folder / "sub").mkdir()
    write(folder / "sub", c="Juice.")
    options = IngestOptions(metadata={"lang": "en"})
    report = ingest_sync(memory, "docs", folder, options=options)
    assert report == IngestReport(documents=3, embedded=4)
    (found,) = memory.search_sync("docs", "black coffee", limit=1, where={"lang": "en"})
    assert (found.text, found.source, found.description) == ("Black coffee.", "a.md", "Coffee")
    assert ("sub/c.md", "Juice.") in texts_in(memory.store)


def test_one_file_can_be_read(folder: Path) -> None:
    memory = SemanticTextMemory(embed=WordHashes())
    assert ingest_sync(memory, "docs", folder / "b.md").embedded == 1
    assert texts_in(memory.store) == {("b.md", "Water.")}


def test_a_second_run_embeds_only_what_changed(folder: Path) -> None:
    embed = WordHashes()
    memory = SemanticTextMemory(embed=embed)
    ingest_sync(memory, "docs", folder)
    embed.embedded.clear()
    assert ingest_sync(memory, "docs", folder) == IngestReport(documents=2, unchanged=3)
    assert embed.embedded == []
    write(folder, a="# Tea\nWhite tea.\n\n# Coffee\nBlack coffee.")
    assert ingest_sync(memory, "docs", folder) == IngestReport(2, embedded=1, unchanged=2, removed=1)
    assert embed.embedded == ["Tea\nWhite tea."]
    assert texts_in(memory.store) == {("a.md", "White tea."), ("a.md", "Black coffee."), ("b.md", "Water.")}


def test_equal_passages_of_one_document_are_all_kept(folder: Path) -> None:
    memory = SemanticTextMemory(embed=WordHashes())
    write(folder, b="# A\nSame.\n# A\nSame.\n# B\nSame.")
    options = IngestOptions(max_tokens=2)
    report = ingest_sync(memory, "docs", folder / "b.md", options=options)
    assert report.embedded == len(asyncio.run(memory.store.keys("docs", "b.md"))) >= 2
    assert ingest_sync(memory, "docs", folder / "b.md", options=options).embedded == 0


def test_files_that_are_gone_are_forgotten_only_when_asked(folder: Path) -> None:
    memory = SemanticTextMemory(embed=WordHashes())
    ingest_sync(memory, "docs", folder)
    (folder / "b.md").unlink()
    assert ingest_sync(memory, "docs", folder).removed == 0
    report = ingest_sync(memory, "docs", folder, options=IngestOptions(prune=True))
    assert (report.removed, report.unchanged) == (1, 2)
    assert {source for source, _ in texts_in(memory.store)} == {"a.md"}


def test_bad_files_are_reported_and_the_others_read(folder: Path) -> None:
    (folder / "picture.txt").write_bytes(b"\x89PNG\xff")
    with (folder / "large.txt").open("wb") as file:
        file.truncate(1_000_000_000)
    report = ingest_sync(SemanticTextMemory(embed=WordHashes()), "docs", folder)
    assert report.documents == 2
    assert [type(failure) for failure in report.failures] == [DocumentTooLargeError, NotTextError]
    assert [failure.source for failure in report.failures] == ["large.txt", "picture.txt"]


def test_a_file_that_went_bad_keeps_what_memory_has_of_it(folder: Path) -> None:
    memory = SemanticTextMemory(embed=WordHashes())
    ingest_sync(memory, "docs", folder)
    (folder / "b.md").write_bytes(b"\xff\xff")
    report = ingest_sync(memory, "docs", folder, options=IngestOptions(prune=True))
    assert len(report.failures) == 1
    assert ("b.md", "Water.") in texts_in(memory.store)


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(DocumentError, match="no such folder"):
        ingest_sync(SemanticTextMemory(embed=WordHashes()), "docs", "/nowhere/at/all")


def test_an_empty_folder_and_an_empty_file(tmp_path: Path) -> None:
    memory = SemanticTextMemory(embed=WordHashes())
    assert ingest_sync(memory, "docs", tmp_path) == IngestReport()
    write(tmp_path, empty="\n\n")
    assert ingest_sync(memory, "docs", tmp_path) == IngestReport(documents=1)


class Failing(WordHashes):
    """Embeds ``good`` batches, and then fails as a server would."""

    def __init__(self, good: int) -> None:
        super().__init__()
        self.good = good

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if not self.good:
            raise ServiceUnavailableError("m", "down")
        self.good -= 1
        return await super().embed(texts)


def many_lines(count: int) -> str:
    return "\n\n".join(f"# Part {n}\nline {n}" for n in range(count))


@pytest.mark.parametrize("good", [0, 1, 2, 3])
def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path, good: int) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    write(folder, a=many_lines(10), b=many_lines(5))
    options = IngestOptions(batch=4)

    store = FileStore(tmp_path / "memory.db")
    with pytest.raises(ServiceUnavailableError):
        ingest_sync(SemanticTextMemory(store, Failing(good)), "docs", folder, options=options)
    asyncio.run(store.close())

    store = FileStore(tmp_path / "memory.db")
    embed = WordHashes()
    report = ingest_sync(SemanticTextMemory(store, embed), "docs", folder, options=options)
    saved = min(4 * good, 10) if good < 4 else 14
    assert (report.embedded, report.unchanged, report.removed) == (15 - saved, saved, 0)
    assert len(embed.embedded) == 15 - saved
    assert len(texts_in(store)) == 15
    assert len(asyncio.run(store.keys("docs", "a.md"))) == 10
    asyncio.run(store.close())


def test_a_changed_document_keeps_its_old_passages_until_the_new_are_in(folder: Path) -> None:
    store = InProcessStore()
    ingest_sync(SemanticTextMemory(store, WordHashes()), "docs", folder)
    write(folder, a="# Tea\nWhite tea.")
    with pytest.raises(ServiceUnavailableError):
        ingest_sync(SemanticTextMemory(store, Failing(0)), "docs", folder)
    assert ("a.md", "Green tea.") in texts_in(store)


def test_a_run_that_is_cancelled_loses_nothing(folder: Path) -> None:
    memory = SemanticTextMemory(embed=WordHashes())

    async def cancelled() -> None:
        def stop(progress: IngestProgress) -> None:
            task.cancel()

        task = asyncio.create_task(
            ingest(memory, "docs", folder, options=IngestOptions(batch=1), progress=stop)
        )
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(cancelled())
    kept = len(texts_in(memory.store))
    assert 1 <= kept < 3
    assert ingest_sync(memory, "docs", folder).unchanged == kept
    assert len(texts_in(memory.store)) == 3


def test_progress_is_told(folder: Path) -> None:
    told: list[IngestProgress] = []
    memory = SemanticTextMemory(embed=WordHashes())
    ingest_sync(memory, "docs", folder, options=IngestOptions(batch=1), progress=told.append)
    assert told == [
        IngestProgress("a.md", 1, 2, 1, 2),
        IngestProgress("a.md", 1, 2, 2, 2),
        IngestProgress("b.md", 2, 2, 1, 1),
    ]
    told.clear()
    ingest_sync(memory, "docs", folder, progress=told.append)
    assert told == [IngestProgress("a.md", 1, 2, 2, 2), IngestProgress("b.md", 2, 2, 1, 1)]


def test_another_model_is_refused_before_anything_is_read(folder: Path) -> None:
    store = InProcessStore()
    ingest_sync(SemanticTextMemory(store, WordHashes()), "docs", folder)
    other = SemanticTextMemory(store, WordHashes(name="other"))
    with pytest.raises(EmbeddingModelError):
        ingest_sync(other, "docs", folder)
