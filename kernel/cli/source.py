"""What ``run`` and ``plan`` were given: a goal in words, or a plan in a file."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from planloom.cli.errors import UsageError
from planloom.cli.files import STDIN, read_text
from planloom.kernel import Kernel
from planloom.planners.errors import PlanError
from planloom.planners.plan import Plan

__all__ = ["PlanText", "plan_text", "read_plan_text"]

SUFFIXES = (".xml", ".json")
HOW_TO_GIVE_INPUTS = "give it with --var NAME=VALUE, or $INPUT with --input TEXT"


@dataclass(frozen=True, slots=True)
class PlanText:
    """A plan as it stands in a file; ``name`` is how messages call it."""

    text: str
    name: str
    is_json: bool

    def check(self, kernel: Kernel, inputs: Collection[str] | None = None) -> Plan:
        """The plan, read and checked.

        Raises:
            PlanError: the plan has errors; it shows them under the file's name.
        """
        try:
            if self.is_json:
                return Plan.from_json(self.text, kernel, inputs=inputs)
            return Plan.parse(self.text, kernel, inputs=inputs)
        except PlanError as error:
            raise PlanError(error.diagnostics, error.text, self.name) from error

    def require_inputs(self, plan: Plan, variables: Mapping[str, Any]) -> None:
        """Raise ``PlanError``, with hints in the command line's words, when inputs are missing."""
        try:
            plan.check_inputs(variables)
        except PlanError as error:
            missing = tuple(replace(found, hint=HOW_TO_GIVE_INPUTS) for found in error.diagnostics)
            raise PlanError(missing, error.text, self.name) from error


def plan_text(written: str) -> PlanText | None:
    """The plan that the word names, or None when it is a goal.

    ``-`` is standard input, and what ends in ``.xml`` or ``.json`` is a file.

    Raises:
        UsageError: the file is not there or cannot be read. A mistyped name is never taken for a goal.
    """
    if written == STDIN or _is_plan_file(written):
        return read_plan_text(written)
    if os.path.isfile(written):
        raise UsageError(f"{written} is a file; a plan's file ends in {' or '.join(SUFFIXES)}.")
    return None


def _is_plan_file(written: str) -> bool:
    if not written.lower().endswith(SUFFIXES):
        return False
    return " " not in written or os.path.isfile(written)


def read_plan_text(name: str) -> PlanText:
    """The plan in a file, or on standard input for ``-``; raises ``UsageError``."""
    text = read_text(name)
    is_json = text.lstrip().startswith("{") if name == STDIN else name.lower().endswith(".json")
    return PlanText(text, "<stdin>" if name == STDIN else name, is_json)
