"""Reading a parsed JSON or YAML object field by field, with errors that name file, key and remedy."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from planloom.errors import PromptConfigError

__all__ = ["Fields"]


@dataclass(frozen=True, slots=True)
class Fields:
    """One object of a config. A field that is absent or null reads as None.

    ``source`` is the file and ``path`` where in it the object is, for messages. Every method raises
    PromptConfigError.
    """

    data: Mapping[Any, Any]
    source: object
    path: str = ""

    @classmethod
    def of(cls, data: object, source: object, path: str = "") -> Fields:
        """``data`` as fields, if it is an object."""
        if isinstance(data, Mapping):
            return cls(data, source, path)
        raise PromptConfigError(
            f"{source}: {path or 'the config'} must be an object, not {_shown(data)}.", source
        )

    def text(self, key: str) -> str | None:
        value = self.data.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self.wrong(key, f'must be text in quotes, such as "{value}"; it is {_shown(value)}')

    def flag(self, key: str) -> bool | None:
        value = self.data.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise self.wrong(key, f"must be true or false, not {_shown(value)}")

    def number(self, key: str) -> float | None:
        """A finite number."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf:
            return value
        raise self.wrong(key, f"must be a number, not {_shown(value)}")

    def count(self, key: str) -> int | None:
        value = self.number(key)
        if value is None:
            return None
        if value == int(value):
            return int(value)
        raise self.wrong(key, f"must be a whole number, not {value}")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; a single text counts as a list of one."""
        value = self.data.get(key)
        items = [] if value is None else [value] if isinstance(value, str) else value
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            return tuple(items)
        raise self.wrong(key, f"must be a list of texts, not {_shown(value)}")

    def child(self, key: str) -> Fields | None:
        value = self.data.get(key)
        return None if value is None else Fields.of(value, self.source, self._at(key))

    def children(self, key: str) -> Iterator[Fields]:
        value = self.data.get(key)
        if value is not None and not isinstance(value, list):
            raise self.wrong(key, f"must be a list of objects, not {_shown(value)}")
        for index, item in enumerate(value or ()):
            yield Fields.of(item, self.source, f"{self._at(key)}[{index}]")

    def refuse_misspelt(self, known: Collection[str]) -> None:
        """Refuse a key much like a known one; other unknown keys are passed over, being for other tools."""
        for key in self.data:
            close = [] if key in known else get_close_matches(str(key), known, 1, 0.8)
            if close:
                raise self.wrong(str(key), f"is not a key; did you mean {close[0]}?")

    def wrong(self, key: str, fault: str) -> PromptConfigError:
        """The error that says what is wrong with ``key``."""
        end = "" if fault.endswith("?") else "."
        return PromptConfigError(f"{self.source}: {self._at(key)} {fault}{end}", self.source)

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 40 else text[:40] + '…'} ({type(value).__name__})"
