"""Large values by reference: stored once, under their hash, in a folder or wherever fsspec reaches."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from planloom.errors import MissingExtraError
from planloom.planners.journal.errors import JournalDamagedError, JournalFileError

__all__ = ["BlobStore", "FolderBlobs", "FsspecBlobs", "blob_name"]


class BlobStore(Protocol):
    """Keeps bytes under a name that is their hash; every worker must reach the same store."""

    def put(self, data: bytes) -> str:
        """Store, and give the name."""
        ...

    def get(self, name: str) -> bytes:
        """What was stored; raises ``JournalError`` when it is gone or another."""
        ...


def blob_name(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class FolderBlobs:
    """A file each, in a folder that all workers share."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def put(self, data: bytes) -> str:
        name = blob_name(data)
        path = self.folder / name
        if path.exists():
            return name
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"{name}.{uuid4().hex}")
            draft.write_bytes(data)
            draft.replace(path)  # whole, or not there
        except OSError as error:
            raise JournalFileError(str(self.folder), f"cannot keep a large value: {error}") from error
        return name

    def get(self, name: str) -> bytes:
        try:
            data = (self.folder / name).read_bytes()
        except OSError as error:
            raise JournalFileError(
                str(self.folder), f"the value {name[:12]} cannot be read: {error}"
            ) from error
        return _checked(str(self.folder), name, data)


class FsspecBlobs:
    """An object each under a URL that fsspec knows: ``s3://bucket/planloom``, ``gcs://…``, ``memory://…``.

    ``options`` go to the file system, such as keys and an endpoint. Needs fsspec, and the package of the
    protocol (``s3fs`` for S3).
    """

    def __init__(self, url: str, **options: Any) -> None:
        try:
            from fsspec.core import url_to_fs  # type: ignore[import-untyped]
        except ImportError as error:
            raise MissingExtraError("fsspec", "temporal", "Keeping large values by URL") from error
        self.url = url
        self._files, self._root = url_to_fs(url, **options)

    def put(self, data: bytes) -> str:
        name = blob_name(data)
        path = f"{self._root}/{name}"
        try:
            if not self._files.exists(path):
                self._files.makedirs(self._root, exist_ok=True)
                self._files.pipe_file(path, data)
        except OSError as error:
            raise JournalFileError(self.url, f"cannot keep a large value: {error}") from error
        return name

    def get(self, name: str) -> bytes:
        try:
            data: bytes = self._files.cat_file(f"{self._root}/{name}")
        except OSError as error:
            raise _unreadable(self.url, name, error) from error
        return _checked(self.url, name, data)


def _unreadable(place: str, name: str, error: OSError) -> JournalFileError:
    return JournalFileError(place, f"the value {name[:12]} cannot be read: {error}")


def _checked(place: str, name: str, data: bytes) -> bytes:
    if blob_name(data) != name:
        raise JournalDamagedError(place, f"the value {name[:12]} is damaged; use a copy.")
    return data
