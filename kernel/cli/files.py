"""Reading and writing the files that the command line names."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

from planloom.cli.errors import UsageError

__all__ = ["STDIN", "read_text", "reason", "write_private"]

STDIN = "-"
PRIVATE = 0o600
LARGEST = 16_000_000
"""Bytes that are read at most; the plan language's own limit is far below."""


def read_text(name: str) -> str:
    """The text of a file, or of standard input for ``-``.

    Raises:
        UsageError: the file is not there, cannot be read, is no UTF-8 text or is too large.
    """
    shown = "standard input" if name == STDIN else name
    try:
        data = _read(name)
        if len(data) > LARGEST:
            raise UsageError(f"{shown} is larger than {LARGEST:,} bytes.")
        return data.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {shown}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{shown} cannot be read: {reason(error)}.") from error


def _read(name: str) -> bytes:
    if name == STDIN:
        return _some(sys.stdin.buffer)
    with Path(name).open("rb") as file:
        return _some(file)


def _some(file: BinaryIO) -> bytes:
    return file.read(LARGEST + 1)


def write_private(name: str, text: str) -> None:
    """Write a file that only its owner can read; one that is there is written over.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
        with open(descriptor, "w", encoding="utf-8") as file:
            Path(name).chmod(PRIVATE)  # one that was there keeps its rights otherwise
            file.write(text)
    except OSError as error:
        raise UsageError(f"{name} cannot be written: {reason(error)}.") from error


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a file could not be used, in words."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 text (byte {error.start})"
    return error.strerror or str(error)
