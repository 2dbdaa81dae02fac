"""The gate of a run: no call passes it that a policy in force does not allow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planloom.planners.compiling.provenance import function_source
from planloom.planners.compiling.sources import Source
from planloom.planners.errors import PlanError
from planloom.planners.language.diagnostic import Diagnostic
from planloom.planners.running.origins import InputOrigins, Origins
from planloom.planners.running.policy import (
    Allowed,
    Approver,
    CallRequest,
    Decision,
    Denied,
    ForesightPolicy,
    NeedsApproval,
    PlannedCall,
    Policy,
)
from planloom.planners.running.run_errors import CallDenied, CallNotApproved

if TYPE_CHECKING:
    from planloom.planners.plan import Plan
    from planloom.planners.running.scheduler import StepCall

__all__ = ["AROUND", "Around", "Gate", "Layer", "foresee", "refused"]

Layer = tuple[Policy, Approver | None]
"""A policy, and who answers its questions."""

Ask = Callable[[CallRequest, str, Approver | None], Awaitable[bool]]
"""How a run puts a question: the call, the policy's reason, and who answers."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a run inside a step of another run is under: its policies, and where its inputs come from."""

    layers: tuple[Layer, ...]
    sources: frozenset[Source]
    secret: bool

    def origins(self, said: InputOrigins, keys: Mapping[str, Any]) -> InputOrigins:
        """What is known of the inner run's inputs: they may hold anything that its caller was given."""
        return InputOrigins(
            dict.fromkeys(keys, self.sources) | dict(said.sources),
            frozenset(keys) if self.secret else said.secret,
        )


AROUND: ContextVar[Around | None] = ContextVar("planloom_around", default=None)


def foresee(
    plan: Plan, policy: Policy, inputs: InputOrigins | None = None
) -> list[tuple[PlannedCall, Decision]]:
    """What a policy says of each call of a plan before anything runs; ``Allowed`` if it cannot tell yet."""
    origins = Origins(plan, inputs) if inputs else Origins(plan)
    calls = [origins.planned(step) for step in plan.steps if step.function is not None]
    if not isinstance(policy, ForesightPolicy):
        return [(call, Allowed()) for call in calls]
    return [(call, policy.foresee(call)) for call in calls]


def refused(plan: Plan, policy: Policy, inputs: InputOrigins | None = None) -> tuple[Diagnostic, ...]:
    """A diagnostic for every step that the policy is sure to refuse."""
    places = {step.label: step.place for step in plan.steps}
    return tuple(
        Diagnostic.error(
            "policy-denied",
            f"the policy denies {call.function.full_name}: {decision.reason}",
            places[call.step],
            "leave the step out, or take what it is given from elsewhere",
        )
        for call, decision in foresee(plan, policy, inputs)
        if isinstance(decision, Denied)
    )


class Gate:
    """The policies of one run, outermost first, each with who answers its questions."""

    def __init__(self, origins: Origins, layers: tuple[Layer, ...], inputs: Mapping[str, Any]) -> None:
        self.origins, self.layers, self.inputs = origins, layers, inputs

    def check(self) -> None:
        """Raise ``PlanError`` when a policy is sure to refuse a step."""
        plan = self.origins.plan
        found = [item for policy, _ in self.layers for item in refused(plan, policy, self.origins.inputs)]
        if found:
            raise PlanError(tuple(dict.fromkeys(found)), plan.source)

    async def permit(self, call: StepCall, ask: Ask) -> None:
        """Let a call pass; raises ``CallDenied`` or ``CallNotApproved``."""
        request = self._request(call)
        AROUND.set(self._around(request))
        for policy, approve in self.layers:
            decision = policy.decide(request)
            if isinstance(decision, NeedsApproval):
                await _approved(request, decision.reason, ask, approve)
            elif isinstance(decision, Denied):
                raise CallDenied(request, decision.reason)
            elif not isinstance(decision, Allowed):
                raise CallDenied(request, f"{type(policy).__name__} gave {decision!r}, which is no decision")

    def _request(self, call: StepCall) -> CallRequest:
        function = call.step.function
        assert function is not None
        given = call.arguments
        return CallRequest(
            call.id,
            function,
            {item.name: given[item.key] for item in function.parameters if item.key in given},
            self.origins.planned(call.step),
            self.origins.plan,
            self.inputs,
        )

    def _around(self, request: CallRequest) -> Around:
        planned = request.planned
        assert planned is not None
        sources = frozenset({function_source(request.function)}).union(*planned.sources.values())
        return Around(self.layers, sources, bool(planned.secret))


async def _approved(request: CallRequest, reason: str, ask: Ask, approve: Approver | None) -> None:
    shown = request.fingerprint
    if await ask(request, reason, approve) is not True:
        nobody = "" if approve else ", and nobody can be asked: give Executor(approve=...)"
        raise CallNotApproved(request, f"{reason}{nobody}")
    if request.fingerprint != shown:
        raise CallNotApproved(request, f"{reason}, and its arguments changed while it was being approved")
