"""What is wrong with a plan, said as a compiler says it: code, place, message, and what would be right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from planloom.planners.nodes import Place

__all__ = ["CODES", "Code", "Diagnostic", "Severity"]

Severity = Literal["error", "warning"]
Code = Literal[
    "xml-syntax",
    "no-plan",
    "empty-plan",
    "multiple-plans",
    "truncated-plan",
    "forbidden-xml",
    "limit-exceeded",
    "unknown-element",
    "unexpected-text",
    "unknown-function",
    "ambiguous-name",
    "unknown-argument",
    "missing-argument",
    "bad-argument",
    "undefined-variable",
    "unset-input",
    "bad-reference",
    "cycle",
    "bad-condition",
    "policy-denied",
]
CODES: tuple[Code, ...] = get_args(Code)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault of a plan. ``hint`` says what would be right; line and column count from 1."""

    code: Code
    severity: Severity
    message: str
    line: int = 1
    column: int = 1
    hint: str = ""

    @classmethod
    def error(cls, code: Code, message: str, place: Place, hint: str = "") -> Diagnostic:
        return cls(code, "error", message, place.line, place.column, hint)

    @classmethod
    def warning(cls, code: Code, message: str, place: Place, hint: str = "") -> Diagnostic:
        return cls(code, "warning", message, place.line, place.column, hint)
