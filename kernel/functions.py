"""A read-only view of the functions of a kernel, as planners see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from planloom.errors import FunctionNotFoundError
from planloom.function import KernelFunction
from planloom.names import nearest

__all__ = ["FunctionsView"]


class FunctionsView(Mapping[str, KernelFunction]):
    """Functions by full name (``Skill.name``), in the order of registration; look-up ignores case."""

    def __init__(self, by_key: Mapping[str, KernelFunction]) -> None:
        self._by_key = by_key

    def __getitem__(self, name: str) -> KernelFunction:
        """The function; raises ``FunctionNotFoundError`` (a ``LookupError``) with the nearest names."""
        found = self.find(name)
        if found is None:
            raise FunctionNotFoundError(name, self.nearest(name))
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (function.full_name for function in self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, name: str) -> KernelFunction | None:
        """The function of that name, never an approximate one; ``Skill-name`` is read too."""
        key = name.lower()
        return self._by_key.get(key) or self._by_key.get(key.replace("-", ".", 1))

    def nearest(self, name: str) -> tuple[str, ...]:
        """The most similar full names, for messages."""
        return nearest(name, (function.full_name for function in self._by_key.values()))
