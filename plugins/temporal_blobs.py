"""Values too large for Temporal's 2 MB go to a blob store, and only their hash to the server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, PayloadCodec

from planloom.planners.journal.blobs import BlobStore
from planloom.planners.journal.entries import BLOB_LIMIT

__all__ = ["blob_converter"]

ENCODING = b"binary/planloom-blob"


def blob_converter(
    store: BlobStore, limit: int = BLOB_LIMIT, converter: DataConverter | None = None
) -> DataConverter:
    """A data converter for ``Client.connect`` that keeps values above ``limit`` bytes in ``store``.

    Every client and worker of a queue needs the same one. ``converter`` is the one to build on.
    """
    return replace(converter or DataConverter.default, payload_codec=_BlobCodec(store, limit))


class _BlobCodec(PayloadCodec):
    def __init__(self, store: BlobStore, limit: int) -> None:
        self._store, self._limit = store, limit

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [await self._aside(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [await self._back(payload) for payload in payloads]

    async def _aside(self, payload: Payload) -> Payload:
        if payload.ByteSize() <= self._limit:
            return payload
        name = await asyncio.to_thread(self._store.put, payload.SerializeToString())
        return Payload(metadata={"encoding": ENCODING}, data=name.encode())

    async def _back(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        return Payload.FromString(await asyncio.to_thread(self._store.get, payload.data.decode()))
