"""``FileSkill``: text files in one folder, and nowhere else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated
from uuid import uuid4

from planloom.decorator import kernel_function
from planloom.errors import ForbiddenPathError, RegistrationError, SkillError, TooLargeError
from planloom.prompts.escaping import text_of

__all__ = ["FileSkill"]

FilePath = Annotated[
    str, "The file, relative to the skill's folder and written with /, as in notes/today.txt"
]

MOST_CHARACTERS = 1000

# NOFOLLOW and NONBLOCK: what was a file when it was looked at may be a link or a pipe when it is opened.
SAFELY = sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


class FileSkill:
    """Reads and writes text files in one folder.

    Paths are relative to ``root`` and can leave it neither by ``..`` nor by a link. Text is UTF-8 and kept
    byte for byte, line ends included. Every function may raise a ``ForbiddenPathError`` and, when the
    operating system refuses, a ``SkillError``.
    """

    skill_name = "File"

    def __init__(self, root: Path | str, max_bytes: int = 10_000_000) -> None:
        """Work in the folder ``root``, with files of at most ``max_bytes`` bytes.

        Raises:
            RegistrationError: ``root`` is not a folder.
        """
        if not Path(root).is_dir():
            raise RegistrationError(f"FileSkill needs a folder, and {root} is none. Create it first.", root)
        self._root, self._max_bytes = Path(root).resolve(), max_bytes

    @kernel_function(effect="read", touches=("files",))
    def read(self, path: FilePath) -> str:
        """Read a text file.

        Raises:
            TooLargeError: the file is larger than the skill's limit.
            SkillError: there is no such file, or it is not UTF-8 text.
        """
        function = "File.read"
        with _os_errors(function, path), self._opened(function, path, os.O_RDONLY) as file:
            data = _read_up_to(file, self._max_bytes + 1)
        self._check_size(function, path, len(data))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise SkillError(
                function, f"cannot read {path!r}: it is not UTF-8 text (byte {error.start})."
            ) from error

    @kernel_function(effect="write", touches=("files",), idempotent=True)
    def write(self, path: FilePath, content: Annotated[str, "The whole new content"]) -> str:
        """Write a text file, replacing what it held, and give back its path.

        Folders on the way are created. After a failure the file holds its old content or the new, never a
        part of either.

        Raises:
            TooLargeError: ``content`` is larger than the skill's limit.
        """
        data = self._encoded("File.write", path, content)
        with _os_errors("File.write", path):
            target = self._target("File.write", path)
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, data)
        return str(path)

    @kernel_function(effect="write", touches=("files",))
    def append(self, path: FilePath, content: Annotated[str, "The text to add at the end"]) -> str:
        """Add to the end of a text file, which is created if need be, and give back its path.

        Raises:
            TooLargeError: the file would become larger than the skill's limit.
        """
        function = "File.append"
        data = self._encoded(function, path, content)
        with _os_errors(function, path):
            self._target(function, path).parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            with self._opened(function, path, flags) as file:
                self._check_size(function, path, os.fstat(file).st_size + len(data))
                _write_all(file, data)
        return str(path)

    @kernel_function(effect="read", touches=("files",), name="list")
    def list_files(
        self, path: Annotated[str, "A folder, relative to the skill's; empty for that folder itself"] = ""
    ) -> list[str]:
        """List the names in a folder, sorted; those of folders end in /."""
        with _os_errors("File.list", path), os.scandir(self._resolved("File.list", path)) as entries:
            return sorted(
                entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "") for entry in entries
            )

    @kernel_function(effect="read", touches=("files",))
    def exists(self, path: FilePath) -> bool:
        """Tell whether there is a file or folder."""
        with _os_errors("File.exists", path):
            return self._resolved("File.exists", path).exists()

    def _resolved(self, function: str, path: str) -> Path:
        objection = _objection(str(path))
        if objection:
            raise ForbiddenPathError(function, str(path), objection)
        try:
            target = (self._root / str(path)).resolve()
        except RuntimeError as error:  # Python 3.11 and 3.12 say so of links in a circle
            raise ForbiddenPathError(function, str(path), "its links run in a circle") from error
        if not target.is_relative_to(self._root):
            raise ForbiddenPathError(function, str(path), "a link leads out of the skill's folder")
        return target

    def _target(self, function: str, path: str) -> Path:
        target = self._resolved(function, path)
        if target.exists():
            _check_regular(function, path, target.stat().st_mode)
        return target

    @contextmanager
    def _opened(self, function: str, path: str, flags: int) -> Iterator[int]:
        file = os.open(self._target(function, path), flags | SAFELY, 0o666)
        try:
            _check_regular(function, path, os.fstat(file).st_mode)
            yield file
        finally:
            os.close(file)

    def _encoded(self, function: str, path: str, content: str) -> bytes:
        try:
            data = text_of(content).encode("utf-8")
        except UnicodeEncodeError as error:
            raise SkillError(
                function, f"cannot write {path!r}: character {error.start} has no place in UTF-8."
            ) from error
        self._check_size(function, path, len(data))
        return data

    def _check_size(self, function: str, path: str, size: int) -> None:
        if size > self._max_bytes:
            raise TooLargeError(function, repr(path), self._max_bytes)


def _objection(path: str) -> str:
    """Why a path is refused by its look alone; empty if it is not."""
    windows = PureWindowsPath(path)
    if PurePosixPath(path).is_absolute() or windows.is_absolute() or windows.drive or windows.root:
        return "it is absolute; give a path relative to the skill's folder"
    if "\\" in path or "\0" in path:
        return "it holds a backslash or a NUL; separate folders with /"
    if ".." in PurePosixPath(path).parts:
        return "it holds .."
    if len(path) > MOST_CHARACTERS or any("\ud800" <= character <= "\udfff" for character in path):
        return f"it is longer than {MOST_CHARACTERS} characters, or holds half of one"
    return ""


def _check_regular(function: str, path: str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise ForbiddenPathError(function, path, "it is a folder; File.list shows what is in it")
    if not stat.S_ISREG(mode):
        raise ForbiddenPathError(function, path, "it is a device, pipe or socket, not a regular file")


def _read_up_to(file: int, size: int) -> bytes:
    with os.fdopen(os.dup(file), "rb") as stream:
        return stream.read(size)


def _write_all(file: int, data: bytes) -> None:
    with os.fdopen(os.dup(file), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(file)


def _replace(target: Path, data: bytes) -> None:
    """Write beside ``target`` first, then put the new file in its place in one step."""
    beside = target.with_name(f".{uuid4().hex}.tmp")
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY, 0o666)
    try:
        try:
            _write_all(file, data)
        finally:
            os.close(file)
        if target.exists():
            beside.chmod(stat.S_IMODE(target.stat().st_mode))
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def _os_errors(function: str, path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise SkillError(function, f"found no {path!r}. File.list shows what there is.") from error
    except OSError as error:
        raise SkillError(function, f"failed on {path!r}: {error.strerror or error}.") from error
