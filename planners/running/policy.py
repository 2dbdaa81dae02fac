"""Policies: what decides, in code, whether a call may run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from planloom.function import KernelFunction
from planloom.planners.compiling.sources import Source
from planloom.planners.fingerprint import call_fingerprint

if TYPE_CHECKING:
    from planloom.planners.plan import Plan

__all__ = [
    "Allowed",
    "Approver",
    "CallRequest",
    "Decision",
    "Denied",
    "ForesightPolicy",
    "NeedsApproval",
    "PlannedCall",
    "Policy",
    "Sources",
]

Sources = Mapping[str, frozenset[Source]]
"""The sources of each argument of a call, by the names that plans use."""


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
class PlannedCall:
    """A call as its plan has it, known before the run.

    ``written`` are its arguments as the plan writes them. ``sources`` are where each argument can come from;
    ``strict_sources`` add where the conditions and lists came from that decide whether the call is made.
    ``secret`` names the arguments that must not be shown.
    """

    step: str
    function: KernelFunction
    written: Mapping[str, str] = field(default_factory=dict)
    sources: Sources = field(default_factory=dict)
    strict_sources: Sources = field(default_factory=dict)
    secret: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call about to run, with its exact arguments by the names that plans use."""

    step: str
    function: KernelFunction
    arguments: Mapping[str, Any] = field(repr=False)
    planned: PlannedCall | None = None
    plan: Plan | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def fingerprint(self) -> str:
        """A hash of the function, its description included, of the exact arguments, and of the plan."""
        return call_fingerprint(self.function, self.arguments, self.plan.fingerprint if self.plan else "")


class Policy(Protocol):
    """Answers before every call. It must be quick, and must not call a model."""

    def decide(self, request: CallRequest) -> Decision: ...


@runtime_checkable
class ForesightPolicy(Policy, Protocol):
    """A policy that can tell from the plan alone what it will refuse, so that such a plan never begins."""

    def foresee(self, call: PlannedCall) -> Decision:
        """``Denied`` if every such call would be; ``Allowed`` if that is not known yet."""
        ...


Approver = Callable[[CallRequest, str], Awaitable[bool]]
"""Puts the question to a person: the call and the policy's reason; True, and nothing else, means yes."""
