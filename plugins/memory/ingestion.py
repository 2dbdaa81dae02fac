"""Documents into memory: only what changed is embedded, and a run that was stopped goes on where it was."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from planloom.plugins.memory.documents import MAX_BYTES, SUFFIXES, find_documents, read_document
from planloom.plugins.memory.errors import CollectionNotFoundError, DocumentError
from planloom.plugins.memory.record import Metadata, Record
from planloom.plugins.memory.splitter import Passage, split_document
from planloom.plugins.memory.text_memory import SemanticTextMemory, content_key
from planloom.services.embeddings import batches, token_counter
from planloom.sync import run_sync

__all__ = ["IngestOptions", "IngestProgress", "IngestReport", "ingest", "ingest_sync"]


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How documents become records.

    ``max_tokens`` is the length of a passage in the embedding model's tokens. ``batch`` passages are embedded
    and saved together. ``metadata`` are given to every record. ``prune`` forgets records whose file is gone;
    only for a collection that holds this folder and nothing else. ``max_bytes`` and ``encoding`` are those of
    ``read_document``, ``suffixes`` those of ``find_documents``.
    """

    max_tokens: int = 220
    batch: int = 32
    metadata: Metadata | None = None
    prune: bool = False
    max_bytes: int = MAX_BYTES
    encoding: str | None = None
    suffixes: Collection[str] = SUFFIXES


@dataclass(frozen=True, slots=True)
class IngestProgress:
    """How far it is: document ``number`` of ``total`` (from 1), and the passages of it that are in memory."""

    source: str
    number: int
    total: int
    passages: int
    of_passages: int


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What was done. ``failures`` are documents that could not be read; what memory had of them is kept."""

    documents: int = 0
    embedded: int = 0
    unchanged: int = 0
    removed: int = 0
    failures: tuple[DocumentError, ...] = ()


Listener = Callable[[IngestProgress], None]


async def ingest(
    memory: SemanticTextMemory,
    collection: str,
    folder: Path | str,
    *,
    options: IngestOptions = IngestOptions(),
    progress: Listener | None = None,
) -> IngestReport:
    """Read every document below ``folder`` into a collection; sources are paths relative to it.

    A passage is known by its content, so a second run embeds only what is new and forgets what is gone from a
    document, once the new is in. Stopping it at any time loses nothing but the batch under way.

    Args:
        memory: where to.
        collection: in which collection; it is made if need be.
        folder: whose files; or one file.
        options: how.
        progress: told after every batch, on the event loop.

    Raises:
        DocumentError: there is no such folder. A document that cannot be read is reported instead.
        CollectionMismatchError: the collection was made with another embedding model.
        SemanticMemoryError: the store failed.
        ServiceError: the embedding service failed.
    """
    root = Path(folder)
    paths = await asyncio.to_thread(_paths, root, options)
    names = [path.name if path == root else path.relative_to(root).as_posix() for path in paths]
    held = await _held_sources(memory, collection)
    work = _Ingest(memory, collection, options, held)
    failures: list[DocumentError] = []
    for number, (path, name) in enumerate(zip(paths, names, strict=True), 1):
        try:
            async for done, total in work.document(path, name):
                if progress is not None:
                    progress(IngestProgress(name, number, len(paths), done, total))
        except DocumentError as error:
            failures.append(error)
    if options.prune:
        for gone in sorted(held - set(names)):
            await work.forget(gone)
    counts = work.counts
    return IngestReport(
        len(paths) - len(failures),
        counts["embedded"],
        counts["unchanged"],
        counts["removed"],
        tuple(failures),
    )


def ingest_sync(
    memory: SemanticTextMemory,
    collection: str,
    folder: Path | str,
    *,
    options: IngestOptions = IngestOptions(),
    progress: Listener | None = None,
) -> IngestReport:
    """``ingest`` for scripts and notebooks."""
    return run_sync(ingest(memory, collection, folder, options=options, progress=progress))


class _Ingest:
    """One run; ``held`` are the sources that the collection had before it."""

    def __init__(
        self, memory: SemanticTextMemory, collection: str, options: IngestOptions, held: frozenset[str]
    ) -> None:
        self.memory, self.collection, self.options, self.held = memory, collection, options, held
        self.counts: Counter[str] = Counter()

    async def document(self, path: Path, name: str) -> AsyncIterator[tuple[int, int]]:
        """Bring one document up to date; gives how many of its passages are in, and of how many."""
        records = await asyncio.to_thread(self._records, path, name)
        known = await self._known(name)
        new = [record for record in records if record.key not in known]
        done = len(records) - len(new)
        self.counts["unchanged"] += done
        for batch in batches(new, self.options.batch):
            await self.memory.save(self.collection, batch)
            self.counts["embedded"] += len(batch)
            done += len(batch)
            yield done, len(records)
        await self._remove(known - {record.key for record in records})
        if not new:
            yield done, len(records)

    async def forget(self, name: str) -> None:
        """Forget all records of one source."""
        await self._remove(await self._known(name))

    async def _known(self, name: str) -> frozenset[str]:
        if name not in self.held:
            return frozenset()
        return await self.memory.store.keys(self.collection, name)

    async def _remove(self, keys: Collection[str]) -> None:
        if keys:
            await self.memory.store.remove(self.collection, sorted(keys))
            self.counts["removed"] += len(keys)

    def _records(self, path: Path, name: str) -> list[Record]:
        document = read_document(path, name, max_bytes=self.options.max_bytes, encoding=self.options.encoding)
        count = token_counter(self.memory.embed)
        return _records(name, split_document(document, self.options.max_tokens, count), self.options)


def _records(source: str, passages: Sequence[Passage], options: IngestOptions) -> list[Record]:
    """A record for every passage; equal passages of one document are told apart by their number."""
    seen: Counter[Passage] = Counter()
    records = []
    for passage in passages:
        seen[passage] += 1
        heading = " > ".join(passage.heading)
        metadata = dict(options.metadata or {}) | ({"page": passage.page} if passage.page else {})
        marks = json.dumps([metadata, seen[passage]], sort_keys=True)
        key = content_key(source, heading, passage.text, marks)
        records.append(Record(key, passage.text, (), source, heading, metadata=metadata))
    return records


def _paths(root: Path, options: IngestOptions) -> list[Path]:
    return [root] if root.is_file() else find_documents(root, options.suffixes)


async def _held_sources(memory: SemanticTextMemory, collection: str) -> frozenset[str]:
    """The collection's sources; refuses another model before anything is read."""
    try:
        await memory.check_model(collection)
        return await memory.store.sources(collection)
    except CollectionNotFoundError:
        return frozenset()
