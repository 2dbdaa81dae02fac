"""What ``run`` and ``plan`` have in common: a kernel from the options, and a plan from a goal."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection

from planloom.cli.errors import UsageError
from planloom.cli.model import service_for
from planloom.cli.skills import add_skills
from planloom.kernel import Kernel
from planloom.planners.plan import Plan
from planloom.planners.writing import PlanningListener, PlanReady

__all__ = ["kernel_for", "plan_for_goal", "require_model"]


def kernel_for(arguments: Namespace) -> Kernel:
    """A kernel with the skills of ``--skill`` and no service yet; raises ``SkillSourceError``."""
    kernel = Kernel()
    add_skills(kernel, arguments.skill)
    return kernel


def require_model(kernel: Kernel, arguments: Namespace) -> None:
    """Give the kernel the model service that the options name; raises ``ServiceError``."""
    kernel.add_service(service_for(arguments), default=True)


async def plan_for_goal(
    goal: str, kernel: Kernel, inputs: Collection[str], arguments: Namespace, tell: PlanningListener
) -> Plan:
    """The plan that the model writes for ``goal``; ``tell`` hears how it is written.

    Raises:
        UsageError: there are no functions to plan with.
        PlannerError: no plan came of the goal.
        ServiceError: the model failed.
    """
    if not kernel.functions:
        raise UsageError("a goal needs functions to reach it: give at least one --skill.")
    require_model(kernel, arguments)
    from planloom.planners.sequential import SequentialPlanner  # the other commands do without it

    plan: Plan | None = None
    async for event in SequentialPlanner(kernel).stream_plan(goal, inputs=tuple(inputs)):
        tell(event)
        if isinstance(event, PlanReady):
            plan = event.plan
    assert plan is not None
    return plan
