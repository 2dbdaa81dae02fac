"""The events of a journal as they are written: one row each, never changed."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from planloom.planners.journal.errors import JournalDamagedError

__all__ = ["BLOB_LIMIT", "Entry", "Event", "Kind", "Packer", "append", "blob", "events_of"]

Kind = Literal[
    "began", "resumed", "intent", "done", "failed", "question", "answer", "decision", "cancel", "ended"
]

BLOB_LIMIT = 256 * 1024
"""Bytes of JSON above which a value is kept aside, once, under its hash."""

INSERT_EVENT = "INSERT INTO events (run, number, at, kind, step, data, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)"


class Entry(NamedTuple):
    """An event to be written: ``data`` is JSON text, ``blobs`` are the large texts that it names by hash."""

    kind: Kind
    step: str
    data: str
    at: float
    blobs: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it was read; ``number`` counts from 1 within its run, ``at`` is seconds since 1970."""

    number: int
    at: float
    kind: Kind
    step: str
    data: Mapping[str, Any]

    @property
    def large(self) -> tuple[str, ...]:
        """The hashes of values that are kept aside."""
        value = (self.data["blob"],) if "blob" in self.data else ()
        return (*value, *self.data.get("large", {}).values())


class Packer:
    """Builds the ``data`` of one entry, putting large values aside."""

    def __init__(self, limit: int = BLOB_LIMIT) -> None:
        self.limit = limit
        self._text = ""
        self._blobs: dict[str, str] | None = None

    def put(self, name: str, value: Any) -> Packer:
        """Something small of our own."""
        text = encode_basestring_ascii(value) if type(value) is str else json.dumps(value)
        return self.put_json(name, text)

    def put_json(self, name: str, text: str) -> Packer:
        """JSON that is ready; ``name`` is one of ours and needs no escapes."""
        self._text += f',"{name}":{text}'
        return self

    def put_value(self, text: str) -> Packer:
        """The entry's value, or the hash of it under ``blob``."""
        return self.put("blob", self._aside(text)) if len(text) > self.limit else self.put_json("value", text)

    def put_arguments(self, arguments: Mapping[str, str]) -> Packer:
        """Arguments by name, in JSON; large ones under ``large`` by their hash."""
        small, large = "", {}
        for name, text in arguments.items():
            if len(text) > self.limit:
                large[name] = self._aside(text)
            else:
                small += f",{encode_basestring_ascii(name)}:{text}"
        self.put_json("arguments", f"{{{small[1:]}}}")
        return self.put("large", large) if large else self

    def entry(self, kind: Kind, step: str, at: float) -> Entry:
        data = f"{{{self._text[1:]}}}"
        return Entry(kind, step, data, at, self._blobs) if self._blobs else Entry(kind, step, data, at)

    def _aside(self, text: str) -> str:
        digest = hashlib.sha256(text.encode()).hexdigest()
        self._blobs = {**(self._blobs or {}), digest: text}
        return digest


def append(connection: sqlite3.Connection, run: int, last: int, entries: Iterable[Entry]) -> None:
    """Write entries after event ``last`` of a run, inside the caller's transaction."""
    for number, entry in enumerate(entries, last + 1):
        kind, step, data, at, blobs = entry
        checksum = _checksum(run, number, at, kind, step, data)
        connection.execute(INSERT_EVENT, (run, number, at, kind, step, data, checksum))
        for digest, text in blobs.items():
            connection.execute(
                "INSERT OR IGNORE INTO blobs (hash, data) VALUES (?, ?)", (digest, text.encode())
            )


def events_of(connection: sqlite3.Connection, path: str, run: int, count: int) -> Iterator[Event]:
    """The events of a run in order.

    Raises:
        JournalDamagedError: one of the ``count`` events is missing, or is not as it was written.
    """
    # fetchall: a statement left half read when an error is raised would keep the file locked
    rows = connection.execute(
        "SELECT number, at, kind, step, data, checksum FROM events WHERE run = ? ORDER BY number", (run,)
    ).fetchall()
    number = 0
    for expected, (number, at, kind, step, data, checksum) in enumerate(rows, 1):
        if number != expected or checksum != _checksum(run, number, at, kind, step, data):
            raise JournalDamagedError(path, f"event {expected} of the run is damaged; use a copy.")
        yield Event(number, at, kind, step, json.loads(data))
    if number != count:
        raise JournalDamagedError(path, f"the run has {count} events and {number} are left; use a copy.")


def blob(connection: sqlite3.Connection, path: str, digest: str) -> str:
    """The text of that hash; raises ``JournalDamagedError`` when it is gone or another."""
    row = connection.execute("SELECT data FROM blobs WHERE hash = ?", (digest,)).fetchone()
    if row is None or hashlib.sha256(row[0]).hexdigest() != digest:
        raise JournalDamagedError(path, f"the value {digest[:12]} is damaged or gone; use a copy.")
    text: str = row[0].decode()
    return text


def _checksum(run: int, number: int, at: float, kind: str, step: str, data: str) -> int:
    return zlib.crc32(f"{run} {number} {at!r} {kind} {step} {data}".encode())
