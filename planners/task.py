"""One planning task: a goal, and all that a strategy may use to reach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from planloom.function import KernelFunction
from planloom.functions import FunctionsView
from planloom.kernel import Kernel
from planloom.planners.plan import Plan
from planloom.planners.plan_schema import tree_from_answer
from planloom.planners.writing import PlanningListener
from planloom.services.protocol import ChatService

__all__ = ["PlanningTask"]


@dataclass(frozen=True)
class PlanningTask:
    """What one call of a planner is about. ``inputs`` are the variables that exist before the first step."""

    kernel: Kernel
    service: ChatService
    service_name: str | None
    goal: str
    inputs: Sequence[str]
    functions: Mapping[str, KernelFunction]
    listener: PlanningListener | None = None
    view: FunctionsView = field(init=False)

    def __post_init__(self) -> None:
        by_key = {name.lower(): function for name, function in self.functions.items()}
        object.__setattr__(self, "view", FunctionsView(by_key))

    def read(self, text: str) -> Plan:
        """The plan in ``text``; raises ``PlanError`` if it is not right for this task."""
        return Plan.parse(text, self.kernel, inputs=self.inputs, functions=self.view, goal=self.goal)

    def read_json(self, text: str) -> Plan:
        """The plan in an answer that follows ``plan_schema``; raises ``PlanError`` as ``read`` does."""
        return Plan(tree_from_answer(text), self.view, inputs=self.inputs, goal=self.goal, text=text)
