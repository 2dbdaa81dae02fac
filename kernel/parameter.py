"""One parameter of a function: its name in plans, its type, and how a value becomes that type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from planloom import annotation as types

__all__ = ["REQUIRED", "Parameter"]


class _Required:
    """The default of a parameter that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Any = _Required()


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function.

    ``name`` is what plans write, ``key`` the Python name (``from`` and ``from_``). ``json_schema`` makes the
    JSON schema where someone else wrote it (an API description); else it is made from the annotation.
    """

    name: str
    annotation: Any = str
    description: str = ""
    default: Any = REQUIRED
    key: str = ""
    json_schema: Callable[[], dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        if not self.key:
            object.__setattr__(self, "key", self.name)

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @cached_property
    def type_name(self) -> str:
        return types.type_name(self.annotation)

    @cached_property
    def takes_text(self) -> bool:
        """Whether text is itself a value of the type, so that a literal stays as it is written."""
        return types.takes_text(self.annotation)

    @cached_property
    def from_text(self) -> Callable[[str], Any]:
        """Reads a literal as the declared type; raises ``ValueError``."""
        return types.from_text(self.annotation)

    @cached_property
    def accept(self) -> Callable[[Any], Any]:
        """Checks an object against the declared type; raises ``ValueError``."""
        return types.accept(self.annotation)

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the type, with this parameter's description and default."""
        schema = dict(
            self.json_schema() if self.json_schema else types.adapter_of(self.annotation).json_schema()
        )
        if self.description:
            schema["description"] = self.description
        return schema
