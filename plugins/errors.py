"""What goes wrong at a door; the tree is drawn in ``planloom.errors``."""

from __future__ import annotations

from typing import Any

from planloom.errors import FunctionError, RegistrationError

__all__ = [
    "ApiStatusError",
    "ApiUnreachableError",
    "ChangedToolError",
    "DoorError",
    "DoorResultError",
    "ForeignToolError",
    "RedirectRefusedError",
    "ServerLostError",
    "SpecificationError",
    "SqlError",
]


class SpecificationError(RegistrationError):
    """A description of foreign functions cannot be read; ``place`` is where in it the fault is."""

    def __init__(self, message: str, place: str = "") -> None:
        self.place = place
        super().__init__(message, place)


class DoorError(FunctionError):
    """What is behind a door could not do what was asked of it."""


class ApiUnreachableError(DoorError):
    """No answer came from an API; ``url`` is kept without its query, which may hold a key."""

    def __init__(self, function: str, url: str, problem: str) -> None:
        self.url = url
        super().__init__(function, f"got no answer from {url}: {problem}")


class ApiStatusError(DoorError):
    """An API answered with a failure: ``status`` is HTTP's, ``body`` the answer, as a value or text."""

    def __init__(self, function: str, url: str, status: int, body: Any, hint: str = "") -> None:
        self.url, self.status, self.body = url, status, body
        shown = repr(body)
        shown = shown if len(shown) <= 300 else f"{shown[:299]}…"
        super().__init__(function, f"was answered {status} by {url}: {shown}{f' ({hint})' if hint else ''}")


class RedirectRefusedError(DoorError):
    """An API sends the caller elsewhere; following it would hand arguments or keys to ``target``."""

    def __init__(self, function: str, url: str, target: str, reason: str) -> None:
        self.url, self.target = url, target
        super().__init__(function, f"was redirected by {url} to {target}, which is not followed: {reason}")


class DoorResultError(DoorError):
    """A result that came back cannot be used: it is too large, or not what it says it is."""


class ForeignToolError(DoorError):
    """A tool ran and says that it failed; ``answer`` is all that it said."""

    def __init__(self, function: str, answer: str) -> None:
        self.answer = answer
        shown = answer if len(answer) <= 500 else f"{answer[:499]}…"
        super().__init__(function, f"failed: {shown!r}")


class ServerLostError(DoorError):
    """The server ended or broke off; a call that was under way may or may not have been done."""


class ChangedToolError(DoorError):
    """A tool is not what was approved: ``pinned`` and ``found`` are hashes, ``text`` all that it says now."""

    def __init__(self, function: str, pinned: str, found: str, text: str) -> None:
        self.pinned, self.found, self.text = pinned, found, text
        super().__init__(
            function,
            f"is not the tool that was approved (pinned {pinned[:12]}, now {found[:12] or 'gone'}). It says: "
            f"{text} -- Read it, and approve it again: give approve=..., or remove its pin.",
        )


class SqlError(DoorError):
    """A database refuses a statement, or the skill refuses to send it."""
