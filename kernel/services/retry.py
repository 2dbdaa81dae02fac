"""How long to wait before a request is tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["Backoff", "retry_after_seconds"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off with full jitter, in seconds.

    Before retry n (from 0) the wait is drawn between 0 and ``first * 2**n``, at most ``longest``. A server's
    own ``Retry-After`` is waited for instead, if it is not over ``longest``; with a longer one, no retry is
    made. Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    first: float = 0.5
    longest: float = 30.0

    def wait(self, retry: int, asked: float | None, random: Callable[[], float]) -> float | None:
        """The seconds to wait before retry number ``retry``; None when the server asks for too long."""
        if asked is not None:
            return asked if asked <= self.longest else None
        return random() * min(self.first * 2.0**retry, self.longest)


def retry_after_seconds(
    header: str | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> float | None:
    """The value of a ``Retry-After`` header in seconds from now; None if there is none or it makes no sense.

    Both forms of RFC 9110 section 10.2.3 are read: seconds, and a date.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now()).total_seconds())
