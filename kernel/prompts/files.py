"""Reading text files that may be anyone's: bounded, and only from inside their folder."""

from __future__ import annotations

from pathlib import Path

from planloom.errors import PromptConfigError

__all__ = ["MAX_FILE_BYTES", "read_text"]

MAX_FILE_BYTES = 2 * 1024 * 1024


def read_text(file: Path, root: Path) -> str:
    """The UTF-8 text of ``file``; a byte order mark is dropped and line ends become ``\\n``.

    Raises:
        PromptConfigError: it is missing, a link to somewhere outside of ``root``, not a regular file, larger
            than `MAX_FILE_BYTES`, or not UTF-8.
    """
    try:
        real = file.resolve(strict=True)
        if not real.is_relative_to(root.resolve(strict=True)):
            raise PromptConfigError(f"{file} leads out of {root}; put the file itself there.", file)
        return _read(real, file)
    except FileNotFoundError as error:
        raise PromptConfigError(f"{file} is missing.", file) from error
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise PromptConfigError(f"{file} cannot be read: {error}.", file) from error


def _read(real: Path, shown: Path) -> str:
    if not real.is_file():
        raise PromptConfigError(f"{shown} is not a file.", shown)
    with real.open("rb") as stream:
        data = stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise PromptConfigError(f"{shown} is larger than {MAX_FILE_BYTES // 1024} KiB.", shown)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise PromptConfigError(f"{shown} is not UTF-8: {error}. Save it as UTF-8.", shown) from error
