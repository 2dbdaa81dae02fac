"""Counting tokens per call, per plan and per run, and stopping at a budget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from planloom.errors import BudgetExceededError
from planloom.services.protocol import Usage

__all__ = ["Meter", "metered", "reading", "record_usage", "require_budget"]

_CURRENT: ContextVar[Meter | None] = ContextVar("planloom_meter", default=None)


class Meter:
    """Adds up what the model calls inside a ``metered`` block used; outer meters count inner ones."""

    def __init__(self, budget: int | None, what: str, outer: Meter | None) -> None:
        self.usage = Usage()
        self.budget, self.what, self.outer = budget, what, outer
        self.depth: int = 1 if outer is None else outer.depth + 1

    def add(self, usage: Usage) -> None:
        self.usage = self.usage + usage
        if self.outer is not None:
            self.outer.add(usage)

    def require(self) -> None:
        if self.budget is not None and self.usage.total_tokens >= self.budget:
            raise BudgetExceededError(self.usage.total_tokens, self.budget, self.what)
        if self.outer is not None:
            self.outer.require()


class metered:
    """Count every model call made inside, tasks included; ``budget`` is in tokens, prompts and answers."""

    def __init__(self, budget: int | None = None, what: str = "this run") -> None:
        self.meter = Meter(budget, what, _CURRENT.get())

    def __enter__(self) -> Meter:
        self._token = _CURRENT.set(self.meter)
        return self.meter

    def __exit__(self, *raised: object) -> None:
        _CURRENT.reset(self._token)


def record_usage(usage: Usage) -> None:
    """Count what one call used."""
    meter = _CURRENT.get()
    if meter is not None:
        meter.add(usage)


def require_budget() -> None:
    """Raise ``BudgetExceededError`` when a budget in force is used up."""
    meter = _CURRENT.get()
    if meter is not None:
        meter.require()


@contextmanager
def reading(tokens: int) -> Iterator[None]:
    """Count a call, made inside, in which a model reads so many tokens and writes none.

    Raises:
        BudgetExceededError: a budget in force is used up.
    """
    require_budget()
    yield
    record_usage(Usage(prompt_tokens=tokens, calls=1))
