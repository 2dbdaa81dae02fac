"""What is wrong with a plan, said as a compiler says it: code, place, message, and what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from planloom.planners.language.nodes import Place

__all__ = ["CODES", "MEANINGS", "Code", "Diagnostic", "Severity"]

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
MEANINGS: Mapping[Code, str] = {
    "xml-syntax": "The text is not well formed: a broken tag, a duplicate, an element left open or empty.",
    "no-plan": "There is no <plan> in the text.",
    "empty-plan": "The plan has no steps: with <plan/> a model says that it cannot be done.",
    "multiple-plans": "There is more than one <plan>, and no telling which is meant.",
    "truncated-plan": "The text ends in the middle of the plan.",
    "forbidden-xml": "A DOCTYPE, an entity or a processing instruction, none of which a plan needs.",
    "limit-exceeded": "The plan is larger or deeper than is allowed.",
    "unknown-element": "An element that the plan language does not have, or not in this place.",
    "unexpected-text": "Text between the elements; it would be ignored, so it is refused.",
    "unknown-function": "No such function is registered.",
    "ambiguous-name": "A name fits several functions, parameters or variables.",
    "unknown-argument": "An attribute or argument that this element or function does not take.",
    "missing-argument": "An attribute or argument that this element or function needs.",
    "bad-argument": "An argument that is no value of its parameter's type.",
    "undefined-variable": "A variable that no step sets and that is not among the inputs.",
    "unset-input": "An input of the plan that the run was not given.",
    "bad-reference": "A reference or a variable's name that cannot be read, or a path that leads nowhere.",
    "cycle": "Steps that wait for each other.",
    "bad-condition": "A condition that cannot be read.",
    "policy-denied": "The policy does not allow a step.",
}
"""What each code stands for; the codes are fixed, and no other is ever used."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault of a plan. ``hint`` says what would be right; line and column count from 1."""

    code: Code
    severity: Severity
    message: str
    line: int = 1
    column: int = 1
    hint: str = ""

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    @classmethod
    def error(cls, code: Code, message: str, place: Place, hint: str = "") -> Diagnostic:
        return cls(code, "error", message, place.line, place.column, hint)

    @classmethod
    def warning(cls, code: Code, message: str, place: Place, hint: str = "") -> Diagnostic:
        return cls(code, "warning", message, place.line, place.column, hint)
