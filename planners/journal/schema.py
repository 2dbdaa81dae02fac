"""The tables of a journal, and how a file of an earlier version becomes one of this."""

from __future__ import annotations

__all__ = ["APPLICATION", "MIGRATIONS"]

APPLICATION = 0x504C4A31
"""Marks the file as ours (``PRAGMA application_id``)."""

# What changes with every commit stands in small rows: a row is written whole.
FIRST = """
CREATE TABLE runs (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    started REAL NOT NULL,
    updated REAL NOT NULL,
    events INTEGER NOT NULL,
    cancel INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL,
    owner TEXT,
    steady_until REAL,
    wall_until REAL
);
CREATE TABLE beginnings (
    run INTEGER PRIMARY KEY REFERENCES runs (key),
    goal TEXT NOT NULL,
    plan TEXT NOT NULL,
    functions TEXT NOT NULL,
    inputs TEXT NOT NULL,
    policy TEXT NOT NULL
);
CREATE TABLE events (
    run INTEGER NOT NULL REFERENCES runs (key),
    number INTEGER NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    step TEXT NOT NULL,
    data TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE blobs (
    hash TEXT PRIMARY KEY,
    data BLOB NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
"""

MIGRATIONS = (FIRST,)
"""``MIGRATIONS[n]`` makes version ``n + 1`` of version ``n``; 0 is an empty file."""
