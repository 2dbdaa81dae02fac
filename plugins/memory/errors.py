"""What can be wrong with a memory.

::

    PlanloomError
    └── SemanticMemoryError           a memory cannot do what was asked
        ├── CollectionNotFoundError   there is no such collection; carries the names that exist
        ├── CollectionMismatchError   the collection was made otherwise
        │   ├── DimensionError        with vectors of another dimension
        │   └── EmbeddingModelError   by another embedding model
        ├── RecordError               a record cannot be kept: its key, text, metadata or vector
        ├── FilterError               a metadata filter is not one, or the store cannot apply it
        │   └── FilterFieldError      no record of the collection has that field
        ├── StoreUnavailableError     the store is down, locked, or refuses the key
        ├── StoreFormatError          the file is not a store, is damaged, or is of a newer version
        └── DocumentError             a document cannot be read
            ├── NotTextError          it is not text in a known encoding
            └── DocumentTooLargeError it has more bytes than the limit
"""

from __future__ import annotations

from collections.abc import Sequence

from planloom.errors import PlanloomError
from planloom.names import nearest

__all__ = [
    "CollectionMismatchError",
    "CollectionNotFoundError",
    "DimensionError",
    "DocumentError",
    "DocumentTooLargeError",
    "EmbeddingModelError",
    "FilterError",
    "FilterFieldError",
    "NotTextError",
    "RecordError",
    "SemanticMemoryError",
    "StoreFormatError",
    "StoreUnavailableError",
]


class SemanticMemoryError(PlanloomError):
    """A memory cannot do what was asked of it."""


class CollectionNotFoundError(SemanticMemoryError, LookupError):
    """There is no collection ``name``; ``known`` are those that exist."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name, self.known = name, tuple(known)
        close = nearest(name, known)
        hint = f"Did you mean {' or '.join(close)}?" if close else f"There is {_listed(known)}."
        super().__init__(f"There is no collection {name!r}. {hint} Saving something creates one.")


class CollectionMismatchError(SemanticMemoryError):
    """The collection ``name`` was made otherwise than it is now used."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(f"The collection {name!r} {message}")


class DimensionError(CollectionMismatchError):
    """A vector has ``given`` dimensions, and the collection's have ``expected``."""

    def __init__(self, name: str, expected: int, given: int) -> None:
        self.expected, self.given = expected, given
        super().__init__(
            name,
            f"holds vectors of {expected} dimensions, and this one has {given}. Use the embedding model that "
            "the collection was made with, or another collection.",
        )


class EmbeddingModelError(CollectionMismatchError):
    """The vectors of two models do not compare; the collection was made with ``expected``."""

    def __init__(self, name: str, expected: str, given: str) -> None:
        self.expected, self.given = expected, given
        super().__init__(
            name,
            f"was made with the embedding model {expected!r}, and this memory uses {given!r}; their vectors "
            "do not compare. Use that model, or another collection.",
        )


class RecordError(SemanticMemoryError):
    """The record ``key`` cannot be kept."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(f"The record {key!r} cannot be kept: {message}")


class FilterError(SemanticMemoryError, ValueError):
    """``given`` is not a metadata filter, or not one that the store can apply."""

    def __init__(self, message: str, given: object = None) -> None:
        self.given = given
        super().__init__(f"This is no filter: {message}")


class FilterFieldError(FilterError, LookupError):
    """No record of the collection has the field ``field``; ``known`` are the fields there are."""

    def __init__(self, collection: str, field: str, known: Sequence[str]) -> None:
        self.collection, self.field, self.known = collection, field, tuple(known)
        close = nearest(field, known)
        hint = f"did you mean {' or '.join(close)}?" if close else f"the fields are: {_listed(known)}."
        super().__init__(f"no record of {collection!r} has a field {field!r}; {hint}", field)


class StoreUnavailableError(SemanticMemoryError):
    """The store cannot be used now; nothing was lost. ``store`` says which one, without its password."""

    def __init__(self, store: str, message: str) -> None:
        self.store = store
        super().__init__(f"{store}: {message}")


class StoreFormatError(SemanticMemoryError):
    """The file ``path`` cannot be used as a store; it was left as it is."""

    def __init__(self, path: str, message: str) -> None:
        self.path = path
        super().__init__(f"{path} {message}")


class DocumentError(SemanticMemoryError):
    """The document ``source`` cannot be read."""

    def __init__(self, source: str, message: str) -> None:
        self.source = source
        super().__init__(f"{source}: {message}")


class NotTextError(DocumentError):
    """The document is not text in a known encoding."""


class DocumentTooLargeError(DocumentError):
    """The document has ``size`` bytes, and ``limit`` are allowed."""

    def __init__(self, source: str, size: int, limit: int) -> None:
        self.size, self.limit = size, limit
        super().__init__(
            source,
            f"it has {size:,} bytes and the limit is {limit:,}. Split it, or raise max_bytes.",
        )


def _listed(names: Sequence[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:12]) + (", ..." if len(shown) > 12 else "") if shown else "none"
