"""``SemanticTextMemory``: texts saved by meaning, and found again by meaning."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planloom.plugins.memory.errors import FilterFieldError
from planloom.plugins.memory.filters import Filter, fields_of, filter_from
from planloom.plugins.memory.in_process import InProcessStore
from planloom.plugins.memory.record import (
    Collection,
    Distance,
    Match,
    Metadata,
    Record,
    check_record,
    searchable_text,
)
from planloom.plugins.memory.store import VectorStore, check_same, find_collection
from planloom.services.embeddings import checked_vectors, embed_query
from planloom.services.protocol import EmbeddingService
from planloom.sync import run_sync

__all__ = ["Recollection", "SemanticTextMemory", "recollection"]

Where = Filter | Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Recollection:
    """Something that memory gave back.

    ``source`` says where it came from. ``score`` is the relevance, higher for nearer; 1.0 for what was got
    by its key. ``text`` is empty for a reference, whose text is at its source.
    """

    key: str
    text: str
    source: str
    score: float
    metadata: Metadata
    description: str = ""
    is_reference: bool = False


class SemanticTextMemory:
    """Saves texts with vectors of their meaning and finds the ones nearest to a question.

    Args:
        store: where they are kept; in this process's memory if left out.
        embed: makes the vectors; the offline ``LocalEmbeddingService`` if left out.
        distance: how the vectors of collections made from now on compare.

    A collection remembers its embedding model. Its vectors do not compare with those of another, so using two
    is an error, not a bad search.
    """

    def __init__(
        self,
        store: VectorStore | None = None,
        embed: EmbeddingService | None = None,
        *,
        distance: Distance = "cosine",
    ) -> None:
        if embed is None:
            from planloom.services.embeddings_local import LocalEmbeddingService

            embed = LocalEmbeddingService()
        self.store: VectorStore = InProcessStore() if store is None else store
        self.embed, self.distance = embed, distance
        self._known_fields: dict[str, frozenset[str]] = {}

    async def save_information(
        self,
        collection: str,
        text: str,
        *,
        key: str | None = None,
        source: str = "",
        description: str = "",
        metadata: Metadata | None = None,
    ) -> str:
        """Save a text, and give back its key.

        Args:
            collection: where to; it is made if need be.
            text: what to remember.
            key: replaces what was saved under it; a hash of the source and the text if left out, so that the
                same thing saved twice is kept once.
            source: where it came from.
            description: what it is about, searched together with the text.
            metadata: flat data to filter by: text, numbers, truth values, lists of these.

        Raises:
            RecordError: the key, the text or the metadata cannot be kept.
            CollectionMismatchError: the collection was made with another embedding model.
            ServiceError: the embedding service failed.
        """
        key = key or content_key(source, text)
        record = Record(key, text, (), source, description, metadata=dict(metadata or {}))
        await self.save(collection, [record])
        return key

    async def save_reference(
        self,
        collection: str,
        text: str,
        *,
        external_id: str,
        external_source_name: str,
        description: str = "",
        metadata: Metadata | None = None,
    ) -> str:
        """Remember what ``text`` means and where it is, without keeping it; its key is ``external_id``.

        Raises what ``save_information`` raises.
        """
        record = Record(
            external_id, text, (), external_source_name, description, True, metadata=dict(metadata or {})
        )
        await self.save(collection, [record])
        return external_id

    async def save(self, collection: str, records: Sequence[Record]) -> None:
        """Save many records at once; vectors that they have are made anew.

        Raises what ``save_information`` raises; then none of them is saved.
        """
        if not records:
            return
        for record in records:
            check_record(record)
        await self.check_model(collection)
        texts = [searchable_text(record) for record in records]
        vectors = checked_vectors(self.embed.name, await self.embed.embed(texts), len(texts))
        await self.store.create(Collection(collection, self.embed.name, len(vectors[0]), self.distance))
        kept = [_kept(record, vector) for record, vector in zip(records, vectors, strict=True)]
        await self.store.upsert(collection, kept)

    async def get(self, collection: str, key: str) -> Recollection | None:
        """What was saved under a key; None if nothing was.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        found = await self.store.get(collection, [key])
        return recollection(Match(found[0], 1.0)) if found else None

    async def search(
        self,
        collection: str,
        query: str,
        *,
        limit: int = 5,
        min_relevance: float | None = None,
        where: Where = None,
    ) -> list[Recollection]:
        """The texts whose meaning is nearest to ``query``, best first.

        Args:
            collection: where to look.
            query: a question or a statement, in any language that the model knows.
            limit: how many, at most.
            min_relevance: leaves out what scores less. What a score means depends on the model: with the
                bundled one, unrelated texts score about 0.75 and answers about 0.85.
            where: a filter on metadata, as ``Filter`` or as plain data.

        Raises:
            CollectionNotFoundError: there is no such collection.
            CollectionMismatchError: it was made with another embedding model.
            FilterError: ``where`` is no filter; ``FilterFieldError`` if no record has one of its fields.
            ServiceError: the embedding service failed.
        """
        wanted = await self.checked_filter(collection, where)
        vector = await self.query_vector(collection, query)
        found = await self.store.nearest(collection, vector, limit, wanted)
        return [
            recollection(match) for match in found if min_relevance is None or match.score >= min_relevance
        ]

    async def remove(self, collection: str, key: str) -> None:
        """Forget what was saved under a key, if anything was; raises ``CollectionNotFoundError``."""
        await self.store.remove(collection, [key])

    async def collections(self) -> list[str]:
        """The names of all collections."""
        return [collection.name for collection in await self.store.collections()]

    async def query_vector(self, collection: str, query: str) -> list[float]:
        """The vector of a question to a collection; raises what ``search`` raises."""
        held = await find_collection(self.store, collection)
        self._check_same(held, held.dimension)
        vector = await embed_query(self.embed, query)
        self._check_same(held, len(vector))
        return vector

    async def checked_filter(self, collection: str, where: Where) -> Filter | None:
        """``where`` as a filter whose fields exist; raises ``FilterError``."""
        wanted = filter_from(where)
        if wanted is None:
            return None
        missing = fields_of(wanted) - self._known_fields.get(collection, frozenset())
        if missing:
            known = self._known_fields[collection] = await self.store.fields(collection)
            for field in sorted(missing - known):
                raise FilterFieldError(collection, field, tuple(known))
        return wanted

    # -- for scripts and notebooks -----------------------------------------------------------------------

    def save_information_sync(self, collection: str, text: str, **options: Any) -> str:
        """``save_information`` for scripts and notebooks."""
        return run_sync(self.save_information(collection, text, **options))

    def save_reference_sync(self, collection: str, text: str, **options: Any) -> str:
        """``save_reference`` for scripts and notebooks."""
        return run_sync(self.save_reference(collection, text, **options))

    def get_sync(self, collection: str, key: str) -> Recollection | None:
        """``get`` for scripts and notebooks."""
        return run_sync(self.get(collection, key))

    def search_sync(self, collection: str, query: str, **options: Any) -> list[Recollection]:
        """``search`` for scripts and notebooks."""
        return run_sync(self.search(collection, query, **options))

    def remove_sync(self, collection: str, key: str) -> None:
        """``remove`` for scripts and notebooks."""
        run_sync(self.remove(collection, key))

    def collections_sync(self) -> list[str]:
        """``collections`` for scripts and notebooks."""
        return run_sync(self.collections())

    # ----------------------------------------------------------------------------------------------------

    async def check_model(self, collection: str) -> None:
        """Refuse another model before it has made any vectors."""
        for held in await self.store.collections():
            if held.name == collection:
                self._check_same(held, held.dimension)

    def _check_same(self, held: Collection, dimension: int) -> None:
        check_same(held, Collection(held.name, self.embed.name, dimension, held.distance))


def recollection(match: Match) -> Recollection:
    """A match as users see it."""
    record = match.record
    return Recollection(
        record.key,
        record.text,
        record.source,
        match.score,
        record.metadata,
        record.description,
        record.is_reference,
    )


def content_key(*parts: str) -> str:
    """A key that only the same parts have: 32 hexadecimal digits."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def _kept(record: Record, vector: Sequence[float]) -> Record:
    return dataclasses.replace(record, vector=vector, text="" if record.is_reference else record.text)
