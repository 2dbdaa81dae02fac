"""Evaluated starts of prompts on disk, so that a new process need not evaluate them again."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["PrefixFiles"]

MAGIC = b"planloom prefix 2\n"
DIGEST_BYTES = 32
SUM_BYTES = 4
SUFFIX = ".prefix"


class PrefixFiles:
    """A folder of states of a model's memory, each after one start of a prompt.

    Args:
        folder: made when it is needed.
        model: what tells this model, and the library and machine that evaluate it, from all others.
        budget: how many bytes all files may take together; the least recently used go first.

    Whatever goes wrong with a file, the start is evaluated again: nothing is raised. Any number of processes
    may share a folder.
    """

    def __init__(self, folder: Path, model: str, budget: int) -> None:
        self._folder, self._model, self._budget = folder, model, budget

    def load(self, tokens: Sequence[int]) -> bytes | None:
        """The state after exactly ``tokens``; None if there is none, or if its file is damaged."""
        digest = self._digest(tokens)
        path = self._path(digest)
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        head, state = content[: len(MAGIC) + DIGEST_BYTES + SUM_BYTES], content[len(_head(digest, b"")) :]
        return state if state and head == _head(digest, state) else None

    def save(self, tokens: Sequence[int], state: bytes) -> None:
        """Keep the state after ``tokens``, whole or not at all."""
        digest = self._digest(tokens)
        content = _head(digest, state) + state
        if not state or len(content) > self._budget:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_room(self._budget - len(content))
            self._write(self._path(digest), content)

    def _write(self, path: Path, content: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix="making-", delete=False) as file:
            try:
                file.write(content)
                file.close()
                os.replace(file.name, path)
            except OSError:
                Path(file.name).unlink(missing_ok=True)
                raise

    def _make_room(self, allowed: int) -> None:
        """Remove files, the least recently used first, until they take no more than ``allowed`` bytes."""
        files = sorted(self._files(), key=lambda found: found[1].st_mtime_ns, reverse=True)
        for path, status in files:
            allowed -= status.st_size
            if allowed < 0:
                path.unlink(missing_ok=True)

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._folder.iterdir():
            # Another process may remove it at any time.
            with contextlib.suppress(FileNotFoundError):
                yield path, path.stat()

    def _digest(self, tokens: Sequence[int]) -> bytes:
        return hashlib.sha256(self._model.encode() + b"\0" + array("i", tokens).tobytes()).digest()

    def _path(self, digest: bytes) -> Path:
        return self._folder / (digest.hex()[:32] + SUFFIX)


def _head(digest: bytes, state: bytes) -> bytes:
    return MAGIC + digest + zlib.crc32(state).to_bytes(SUM_BYTES, "big")
