"""Approval: what a person is shown before a call, and yeses that are bound to exactly what was shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from planloom.planners.compiling.sources import Source
from planloom.planners.fingerprint import value_fingerprint
from planloom.planners.language.characters import visible
from planloom.planners.language.references import render_text
from planloom.planners.language.variables import variable_key
from planloom.planners.plan import Plan
from planloom.planners.running.origins import HIDDEN
from planloom.planners.running.policy import Approver, CallRequest

__all__ = ["PlanApproval", "approval_text", "approve_once", "approve_plan", "either"]

LONGEST = 2000
"""Characters of a value that are shown; of a longer one the middle is left out, and its length is told."""


def approval_text(request: CallRequest, reason: str) -> str:
    """What a person needs to see to answer: the function, its exact arguments, and where each came from.

    Characters that could deceive (control, invisible, right-to-left) are shown as escapes; secrets are not
    shown.
    """
    function, planned = request.function, request.planned
    lines = [f"step {request.step}: {function.full_name} ({function.effect})", f"  because {reason}"]
    if function.description:
        lines.append(f"  it says of itself: {_visible(function.description)}")
    for name, value in request.arguments.items():
        secret = planned is not None and name in planned.secret
        lines.append(f"  {name} = {HIDDEN if secret else _shown(value)}")
        if planned is not None and name in planned.sources:
            lines.append(f"      from {_from(planned.written.get(name), planned.sources[name])}")
    return "\n".join(lines)


def _from(written: str | None, sources: Iterable[Source]) -> str:
    listed = ", ".join(sorted(map(str, sources)))
    return f"{_visible(written)}: {listed}" if written and "$" in written else listed


def _shown(value: Any) -> str:
    text = render_text(value)
    if len(text) > LONGEST:
        half = LONGEST // 2
        left_out = len(text) - 2 * half
        return f"{_visible(text[:half])} … {left_out} characters left out … {_visible(text[-half:])}"
    return _visible(text)


def _visible(text: str) -> str:
    """Text as a JSON string in which every character that cannot be seen is an escape."""
    return "".join(map(visible, json.dumps(text, ensure_ascii=False)))


@dataclass(frozen=True, slots=True)
class PlanApproval:
    """A yes to every call of one plan, said beforehand; it is an approver.

    It is plain text, and may be kept. It counts no more once the plan is another one, or the signature, the
    description or the effect of a function that it calls.

    Args:
        plan: the plan's fingerprint.
        inputs: the fingerprint of the inputs that it counts for; any inputs if empty.
    """

    plan: str
    inputs: str = ""

    async def __call__(self, request: CallRequest, reason: str) -> bool:
        if request.plan is None or request.plan.fingerprint != self.plan:
            return False
        return not self.inputs or self.inputs == _inputs_fingerprint(request.inputs)


def approve_plan(plan: Plan, inputs: Mapping[str, Any] | None = None) -> PlanApproval:
    """Say yes to all calls of ``plan``; with ``inputs``, to a run with exactly those.

    Give it to an executor: ``Executor(kernel, policy=AskBeforeWrites(), approve=approve_plan(plan))``.
    """
    return PlanApproval(plan.fingerprint, "" if inputs is None else _inputs_fingerprint(inputs))


def _inputs_fingerprint(inputs: Mapping[str, Any]) -> str:
    return value_fingerprint({variable_key(name): value for name, value in inputs.items()})


def approve_once(approve: Approver, answered: dict[str, bool] | None = None) -> Approver:
    """An approver that puts the same call to ``approve`` only once.

    The same call is the same function, arguments and plan. ``answered`` are the answers by fingerprint,
    filled as they come; keep it to ask no more after a restart.
    """
    known = {} if answered is None else answered

    async def asked_once(request: CallRequest, reason: str) -> bool:
        fingerprint = request.fingerprint
        if fingerprint not in known:
            known[fingerprint] = await approve(request, reason) is True
        return known[fingerprint]

    return asked_once


def either(*approvers: Approver) -> Approver:
    """An approver that says yes if one of them does, asked in order."""

    async def asked(request: CallRequest, reason: str) -> bool:
        for approve in approvers:
            if await approve(request, reason) is True:
                return True
        return False

    return asked
