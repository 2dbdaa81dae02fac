"""Policies: what decides, in code, whether a call may run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from planloom.function import KernelFunction

__all__ = ["Allowed", "Approver", "CallRequest", "Decision", "Denied", "NeedsApproval", "Policy"]


@dataclass(frozen=True, slots=True)
class Allowed:
    """The call may run."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The call must not run."""

    reason: str


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    """A person must say yes to exactly this call first."""

    reason: str


Decision = Allowed | Denied | NeedsApproval


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call about to run, with its exact arguments by the names that plans use."""

    step: str
    function: KernelFunction
    arguments: Mapping[str, Any]


class Policy(Protocol):
    """Answers before every call. It must be quick, and must not call a model."""

    def decide(self, request: CallRequest) -> Decision: ...


Approver = Callable[[CallRequest, str], Awaitable[bool]]
"""Puts the question to a person: the call and the policy's reason; true means yes."""
