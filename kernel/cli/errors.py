"""What can be wrong with what was typed; drawn with all other errors in ``planloom.errors``."""

from __future__ import annotations

from planloom.errors import PlanloomError

__all__ = ["SkillSourceError", "UsageError"]


class UsageError(PlanloomError):
    """The command line asks for something that is not there or does not fit together."""


class SkillSourceError(UsageError):
    """A skill cannot be loaded from ``source``, what was given with ``--skill``."""

    def __init__(self, source: str, message: str) -> None:
        self.source, self.reason = source, message
        super().__init__(f"--skill {source}: {message}")
