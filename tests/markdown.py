"""Reads the fenced blocks of a Markdown file, with the instructions for the tests that stand above them.

An instruction is an HTML comment, which readers of the page do not see:

``<!-- model: TEXT -->``  the model's next answer, for a block of Python or of commands; may be repeated
``<!-- file: NAME -->``   the block is the content of this file, for the blocks below it
``<!-- output -->``       the block is what the Python block above it prints
``<!-- code: CODE -->``   the block is a plan with this diagnostic
``<!-- NAME.py -->``      the block is what this sample prints with the embedded model
``<!-- needs: PACKAGE -->``  the block runs where this package is installed (see ``make test-doors``)
``<!-- shown -->``        the block is only shown
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FENCE = "```"
OPEN, CLOSE = "<!-- ", " -->"


@dataclass(frozen=True)
class Block:
    """``line`` is where the block's text begins; ``notes`` are its instructions, as (name, text)."""

    page: str
    line: int
    language: str
    text: str
    notes: tuple[tuple[str, str], ...]

    def noted(self, name: str) -> list[str]:
        return [text for key, text in self.notes if key == name]

    def has(self, name: str) -> bool:
        return bool(self.noted(name))


def blocks(path: Path) -> list[Block]:
    """The blocks of a page in order."""
    found: list[Block] = []
    notes: list[tuple[str, str]] = []
    lines = iter(enumerate(path.read_text(encoding="utf-8").splitlines(), start=1))
    for number, line in lines:
        if line.startswith(FENCE):
            inside = []
            for _, inner in lines:
                if inner.startswith(FENCE):
                    break
                inside.append(inner)
            language = line.removeprefix(FENCE).strip()
            found.append(Block(path.name, number + 1, language, "\n".join(inside) + "\n", tuple(notes)))
            notes = []
        elif line.startswith(OPEN.strip()):
            comment = line
            while not comment.endswith(CLOSE):
                comment += "\n" + next(lines)[1]
            name, _, text = comment.removeprefix(OPEN).removesuffix(CLOSE).partition(":")
            notes.append((name.strip(), text.strip()))
        elif line.strip():
            notes = []
    return found
