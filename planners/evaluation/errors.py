"""The error of measuring planners; the whole tree is drawn in ``planloom.errors``."""

from __future__ import annotations

from pathlib import Path

from planloom.errors import PlanloomError

__all__ = ["GoalFileError"]


class GoalFileError(PlanloomError):
    """A file of goals, or of functions that goals are about, cannot be read; ``path`` is the file."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}")
