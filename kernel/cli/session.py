"""What ``run`` and ``plan`` have in common: a kernel from the options, and a plan from a goal."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Collection, Iterable

from planloom.cli.errors import UsageError
from planloom.cli.model import service_for
from planloom.cli.skills import add_skills
from planloom.cli.stored_plans import add_stored_plans
from planloom.cli.terminal import Terminal
from planloom.function import KernelFunction
from planloom.kernel import Kernel
from planloom.planners.library.plan_library import SKILL as PLANS
from planloom.planners.plan import Plan
from planloom.planners.running.executor import Executor
from planloom.planners.writing import PlanningListener, PlanReady

__all__ = ["kernel_for", "needs_model", "plan_for_goal", "require_model"]


def kernel_for(
    arguments: Namespace, terminal: Terminal, inner: Callable[[Kernel], Executor] = Executor
) -> Kernel:
    """A kernel with the skills of ``--skill``, the plans of ``--library`` and no service yet.

    Args:
        inner: makes what runs those plans when they are called as functions.

    Raises:
        UsageError: a skill cannot be loaded, or there is no such folder of plans.
    """
    kernel = Kernel()
    add_skills(kernel, arguments.skill)
    if arguments.library is not None:
        add_stored_plans(kernel, arguments.library, terminal, inner(kernel))
    return kernel


def needs_model(functions: Iterable[KernelFunction | None], kernel: Kernel) -> bool:
    """Whether a run that calls ``functions`` may need one: for a prompt, or a stored plan with prompts."""
    called = [function for function in functions if function is not None]
    if any(function.skill == PLANS for function in called):
        called += kernel.functions.values()
    return any(function.kind == "prompt" for function in called)


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
