"""Reading the files that the command line names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from planloom.cli.errors import UsageError

__all__ = ["STDIN", "read_text", "reason"]

STDIN = "-"
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


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a file could not be used, in words."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 text (byte {error.start})"
    return error.strerror or str(error)
