"""A switch that turns every request to a real model into an error, so that no test calls one by accident."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from planloom.errors import ModelRequestBlocked

__all__ = ["allow_model_requests", "model_requests_allowed", "require_model_requests"]

# One value for the process, not a context variable: a worker thread must not escape the switch.
_allowed = [True]


@contextmanager
def allow_model_requests(allowed: bool = True) -> Iterator[None]:
    """Allow or forbid requests to real models inside a ``with`` block, in every thread and task.

    ``with allow_model_requests(False): ...`` makes ``LlamaService`` and ``OpenAIService`` raise
    ``ModelRequestBlocked``; ``ScriptedService`` goes on answering. Blocks nest; the innermost one counts.
    """
    before = _allowed[0]
    _allowed[0] = allowed
    try:
        yield
    finally:
        _allowed[0] = before


def model_requests_allowed() -> bool:
    """Whether requests to real models are allowed now."""
    return _allowed[0]


def require_model_requests(service: str) -> None:
    """Raise ``ModelRequestBlocked`` if requests to real models are forbidden now."""
    if not _allowed[0]:
        raise ModelRequestBlocked(
            service,
            "requests to real models are switched off. Use ScriptedService, or switch them on with "
            "`with planloom.services.allow_model_requests(True):`.",
        )
