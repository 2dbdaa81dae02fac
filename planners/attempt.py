"""One try of a model at a plan."""

from __future__ import annotations

from dataclasses import dataclass, field

from planloom.planners.language.diagnostic import Diagnostic
from planloom.services.protocol import FinishReason, Usage

__all__ = ["Attempt"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer of a model and what was wrong with it; ``seconds`` are those that the model took."""

    answer: str
    problem: str
    diagnostics: tuple[Diagnostic, ...] = ()
    finish_reason: FinishReason = "stop"
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
