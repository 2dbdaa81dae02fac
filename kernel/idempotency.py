"""The idempotency key of the call that is being made, for functions to pass on to whatever they call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["idempotency_key", "keyed"]

_KEY: ContextVar[str | None] = ContextVar("planloom_idempotency_key", default=None)


def idempotency_key() -> str | None:
    """The key of the step that is running, the same however often it is tried; None outside a durable run.

    64 hexadecimal digits, a hash of run, plan and step. A function that passes it to a server which knows
    such keys may declare itself ``idempotent``: after a crash it is called again with the same key.
    """
    return _KEY.get()


@contextmanager
def keyed(key: str) -> Iterator[None]:
    """Calls made inside have this key."""
    token = _KEY.set(key)
    try:
        yield
    finally:
        _KEY.reset(token)
