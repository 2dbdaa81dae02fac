"""A small disk and tools for lines of text."""

from __future__ import annotations

from typing import Annotated

from planloom import kernel_function

DISK = {
    "names.txt": "Zoe\nAdam\nMia",
    "notes.txt": "buy milk\ncall mum\nbuy stamps",
    "report.txt": "Sales rose in May.\nCosts fell in May.",
    "old/log.txt": "start\nerror: disk full\nstop",
}


class Files:
    """Files on the disk."""

    def __init__(self) -> None:
        self._disk = dict(DISK)

    @kernel_function(effect="read")
    def read(self, path: Annotated[str, "The file's path"]) -> Annotated[str, "The file's content"]:
        """Read a text file."""
        return self._disk[path]

    @kernel_function
    def write(
        self,
        content: Annotated[str, "The text to save"],
        path: Annotated[str, "The path of the file to save it in"],
    ) -> str:
        """Save a text in a file."""
        self._disk[path] = content
        return f"wrote {len(content)} characters to {path}"

    @kernel_function
    def copy(
        self, source: Annotated[str, "The file to copy"], target: Annotated[str, "The path of the copy"]
    ) -> str:
        """Copy a file."""
        self._disk[target] = self._disk[source]
        return f"copied {source} to {target}"

    @kernel_function
    def delete(self, path: Annotated[str, "The file's path"]) -> str:
        """Delete a file."""
        del self._disk[path]
        return f"deleted {path}"

    @kernel_function(effect="read")
    def size(self, path: Annotated[str, "The file's path"]) -> Annotated[int, "Characters"]:
        """Tell how large a file is."""
        return len(self._disk[path])


class Lines:
    """Texts of several lines."""

    @kernel_function(effect="none")
    def sort(self, text: Annotated[str, "The lines to sort"]) -> str:
        """Sort the lines of a text alphabetically."""
        return "\n".join(sorted(text.splitlines()))

    @kernel_function(effect="none")
    def containing(
        self,
        text: Annotated[str, "The lines to search"],
        term: Annotated[str, "The word that a line must contain"],
    ) -> str:
        """Keep only the lines of a text that contain a word."""
        return "\n".join(line for line in text.splitlines() if term in line)

    @kernel_function(effect="none")
    def count(self, text: Annotated[str, "The lines to count"]) -> int:
        """Count the lines of a text."""
        return len(text.splitlines())

    @kernel_function(effect="none")
    def replace(
        self,
        text: Annotated[str, "The text to change"],
        old: Annotated[str, "The word to replace"],
        new: Annotated[str, "What to put in its place"],
    ) -> str:
        """Replace a word everywhere in a text."""
        return text.replace(old, new)

    @kernel_function(effect="none")
    def append(
        self, text: Annotated[str, "The text that comes first"], more: Annotated[str, "The text that follows"]
    ) -> str:
        """Join two texts, one below the other."""
        return f"{text}\n{more}"


def skills() -> dict[str, object]:
    return {"Files": Files(), "Lines": Lines()}
