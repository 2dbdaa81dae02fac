"""The way back: planloom's planner and saved plans as a plugin of semantic-kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from planloom.errors import MissingExtraError
from planloom.planners import Executor, Plan, SequentialPlanner
from planloom.planners.library.plan_function import plan_function, value_of

if TYPE_CHECKING:
    from semantic_kernel.functions import KernelPlugin

    from planloom.kernel import Kernel

__all__ = ["semantic_kernel_plugin"]


def semantic_kernel_plugin(
    kernel: Kernel,
    plans: Mapping[str, Plan] | None = None,
    *,
    name: str = "planloom",
    planner: SequentialPlanner | None = None,
    executor: Executor | None = None,
) -> KernelPlugin:
    """A semantic-kernel plugin: each saved plan as a function, and planning itself.

    ``create_plan(goal)`` gives a checked plan as text, to be read before anything runs; ``run_plan(plan,
    input)`` runs one.

    Args:
        kernel: whose functions plans call. ``kernel_from_semantic_kernel`` makes one of a semantic-kernel
            kernel, so that plans call its plugins.
        plans: saved plans by name; their inputs become parameters.
        name: the plugin's name.
        planner: writes the plans; the standard one over the kernel's default service if left out.
        executor: runs them. Give one with a policy and an approver to keep what a plan may do in bounds.

    Raises:
        MissingExtraError: semantic-kernel is not installed.
    """
    try:
        from semantic_kernel.functions import KernelPlugin, kernel_function
    except ImportError as error:
        raise MissingExtraError("semantic-kernel", "semantic-kernel", "semantic_kernel_plugin") from error
    runner = executor or Executor(kernel)
    functions: list[Any] = [
        kernel_function(name=key, description=plan.goal or f"Run the plan {key}.")(_saved(key, plan, runner))
        for key, plan in (plans or {}).items()
    ]
    bridge = _Planning(kernel, runner, planner)
    functions += [
        kernel_function(name="create_plan", description="Write a plan for a goal.")(bridge.create_plan),
        kernel_function(name="run_plan", description="Run a plan that create_plan wrote.")(bridge.run_plan),
    ]
    return KernelPlugin.from_object(name, {item.__kernel_function_name__: item for item in functions})


def _saved(name: str, plan: Plan, executor: Executor) -> Any:
    async def run(variables: Mapping[str, Any]) -> Any:
        return value_of(await executor.run(plan, variables))

    return plan_function(name, plan.goal or f"Run the plan {name}.", plan, run)


class _Planning:
    def __init__(self, kernel: Kernel, executor: Executor, planner: SequentialPlanner | None) -> None:
        self._kernel, self._executor = kernel, executor
        self._planner = planner or SequentialPlanner(kernel)

    @property
    def create_plan(self) -> Any:
        async def create_plan(goal: Annotated[str, "What is to be reached"]) -> str:
            return str(await self._planner.create_plan(goal))

        return create_plan

    @property
    def run_plan(self) -> Any:
        async def run_plan(
            plan: Annotated[str, "The plan's text"], input: Annotated[str, "The plan's $INPUT"] = ""
        ) -> str:
            checked = Plan.parse(plan, self._kernel, inputs=["INPUT"])
            return (await self._executor.run(checked, {"INPUT": input})).text

        return run_plan
