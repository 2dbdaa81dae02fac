"""The errors of a plan library; the whole tree is drawn in ``planloom.errors``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from planloom.errors import PlanloomError

__all__ = [
    "LibraryError",
    "LibraryFileError",
    "PlanRecursionError",
    "StoredPlanChanged",
    "StoredPlanNotFound",
]


class LibraryError(PlanloomError):
    """A stored plan cannot be saved, found or run; ``name`` is the plan's name."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


class StoredPlanNotFound(LibraryError, LookupError):
    """The library has no plan of that name; ``nearest`` are the most similar names."""

    def __init__(self, name: str, nearest: Sequence[str] = ()) -> None:
        self.nearest = tuple(nearest)
        hint = f" Did you mean {' or '.join(nearest)}?" if nearest else ""
        super().__init__(name, f"The library has no plan called {name!r}.{hint}")


class StoredPlanChanged(LibraryError):
    """Functions that the plan calls are not what they were when it was saved; ``changes`` say how."""

    def __init__(self, name: str, changes: Sequence[str]) -> None:
        self.changes = tuple(changes)
        told = "".join(f"\n- {change}" for change in changes)
        super().__init__(
            name,
            f"The functions of the plan {name} have changed since it was saved:{told}\n"
            f"Look at the plan; if it is still right, accept them with library.save({name!r}), "
            f"or `planloom plans save {name}`.",
        )


class PlanRecursionError(LibraryError):
    """Stored plans call each other too deep."""

    def __init__(self, name: str, depth: int) -> None:
        self.depth = depth
        super().__init__(name, f"The plan {name} was called {depth} plans deep; does it call itself?")


class LibraryFileError(LibraryError):
    """A file of the library cannot be read; ``path`` is the file."""

    def __init__(self, name: str, path: Path, problem: str) -> None:
        self.path = path
        super().__init__(name, f"{path}: {problem}")
