"""Run a plan from a file, or plan a goal and run the plan.

GOAL_OR_PLAN is a goal in words, or a plan: a file that ends in .xml or .json, or - for standard input.
A plan from a file needs a model only if it calls prompt functions. Progress goes to standard error, the
result to standard output. A plan that a model wrote is shown first; at a terminal, and if it changes
anything, it runs only after a yes (--yes says it beforehand).
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from planloom.cli.execution import Execution, add_run_arguments
from planloom.cli.exits import Exit
from planloom.cli.options import (
    add_input_arguments,
    add_library_argument,
    add_model_arguments,
    add_skill_argument,
    variables_of,
)
from planloom.cli.progress import PlanningProgress
from planloom.cli.questions import Questions
from planloom.cli.session import kernel_for, needs_model, plan_for_goal, require_model
from planloom.cli.source import plan_text
from planloom.cli.terminal import Terminal
from planloom.planners.plan import Plan

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "run"
HELP = "run a plan, or plan a goal and run the plan"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", metavar="GOAL_OR_PLAN", help="a goal, or a plan's file (- for stdin)")
    add_skill_argument(parser)
    add_library_argument(parser)
    add_input_arguments(parser)
    add_model_arguments(parser)
    add_run_arguments(parser)


def run(arguments: Namespace, terminal: Terminal) -> int:
    return Execution(arguments, terminal).complete(_plan_and_run)


async def _plan_and_run(arguments: Namespace, terminal: Terminal, execution: Execution) -> Exit:
    variables = variables_of(arguments)
    written = plan_text(arguments.what)
    kernel = kernel_for(arguments, terminal, execution.inner_executor)
    if written is not None:
        plan = written.check(kernel)
        written.require_inputs(plan, variables)
        if needs_model((step.function for step in plan.steps), kernel):
            require_model(kernel, arguments)
    else:
        told = PlanningProgress(terminal)
        plan = await plan_for_goal(arguments.what, kernel, tuple(variables), arguments, told)
        if not await _wanted(plan, arguments, terminal, execution.questions):
            terminal.say("planloom: the plan was not run; `planloom plan -o plan.xml` saves one for editing")
            return Exit.WRONG_PLAN
    await execution.run(plan, kernel, variables)
    return Exit.DONE


async def _wanted(plan: Plan, arguments: Namespace, terminal: Terminal, questions: Questions) -> bool:
    """Whether a plan that a model wrote may run; a person is asked if it changes anything."""
    writes = any(step.function and step.function.effect == "write" for step in plan.steps)
    if arguments.yes or not writes or not terminal.interactive:
        return True
    return await questions.confirm("Run this plan?")
