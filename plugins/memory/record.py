"""What a memory keeps: records with vectors, in collections; and what a search finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from planloom.plugins.memory.errors import RecordError

__all__ = [
    "Collection",
    "Distance",
    "Match",
    "Metadata",
    "MetadataValue",
    "Record",
    "Scalar",
    "check_field_name",
    "check_record",
    "searchable_text",
]

Scalar = str | int | float | bool
MetadataValue = Scalar | Sequence[Scalar]
Metadata = Mapping[str, MetadataValue]
Distance = Literal["cosine", "dot", "euclidean", "manhattan"]

LONGEST_KEY = 512
LONGEST_FIELD = 128
MOST_FIELDS = 64
LARGEST_INTEGER = 2**63


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of records whose vectors one model made.

    ``distance`` says how vectors compare. A score is higher for what is nearer: the cosine, the dot product,
    or 1 / (1 + distance) for ``euclidean`` and ``manhattan``.
    """

    name: str
    model: str
    dimension: int
    distance: Distance = "cosine"


@dataclass(frozen=True, slots=True)
class Record:
    """One thing remembered.

    ``source`` says where it came from: a file, an address, a person; empty when nobody said. ``description``
    is searched together with ``text``. A reference keeps no text, only its vector and its source. ``vector``
    is empty in a record that was read without it.
    """

    key: str
    text: str
    vector: Sequence[float] = ()
    source: str = ""
    description: str = ""
    is_reference: bool = False
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """A record that was found. Scores compare within one search only."""

    record: Record
    score: float


def searchable_text(record: Record) -> str:
    """What words and vectors are taken from."""
    return f"{record.description}\n{record.text}" if record.description else record.text


def check_record(record: Record) -> None:
    """Refuse a record that some store could not give back as it is.

    Raises:
        RecordError: the key is empty or too long, a text holds a NUL or half a character, or the metadata are
            not flat data.
    """
    if not record.key or len(record.key) > LONGEST_KEY:
        raise RecordError(record.key[:40], f"a key has 1 to {LONGEST_KEY} characters.")
    for what in (record.key, record.text, record.source, record.description):
        _check_text(record.key, what)
    if len(record.metadata) > MOST_FIELDS:
        raise RecordError(record.key, f"it has more than {MOST_FIELDS} metadata fields.")
    for name, value in record.metadata.items():
        problem = check_field_name(name)
        if problem:
            raise RecordError(record.key, problem)
        _check_value(record.key, name, value)


def check_field_name(name: object) -> str:
    """Why ``name`` cannot be a metadata field; empty if it can."""
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_FIELD:
        return f"a metadata field is a text of 1 to {LONGEST_FIELD} characters, not {name!r}."
    if not name.isprintable() or any(mark in name for mark in "\"\\'"):
        return f"the metadata field {name!r} holds a quote, a backslash or a control character."
    return ""


def _check_value(key: str, name: str, value: object) -> None:
    values: Sequence[object] = value if isinstance(value, list | tuple) else [value]
    for item in values:
        if isinstance(item, str):
            _check_text(key, item)
        elif isinstance(item, bool):
            continue
        elif not isinstance(item, int | float) or not abs(item) < LARGEST_INTEGER:
            raise RecordError(
                key,
                f"the metadata field {name!r} is no text, finite number or truth value, nor a list of them.",
            )


def _check_text(key: str, text: object) -> None:
    if not isinstance(text, str):
        raise RecordError(key, f"text was expected, not {type(text).__name__}.")
    if "\0" in text:
        raise RecordError(key, "its text holds a NUL character; is it really text?")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RecordError(key, "its text holds half of a character (a lone surrogate).") from error
