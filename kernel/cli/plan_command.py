"""Plan a goal, and print the plan or save it; nothing is run.

The plan goes to standard output as XML, or into the file of -o, as JSON if its name ends in .json.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from planloom.cli.errors import UsageError
from planloom.cli.exits import Exit
from planloom.cli.files import reason
from planloom.cli.interrupt import run_interruptibly
from planloom.cli.options import (
    add_input_arguments,
    add_json_argument,
    add_library_argument,
    add_model_arguments,
    add_skill_argument,
    positive_int,
    variables_of,
)
from planloom.cli.progress import PlanningProgress
from planloom.cli.session import kernel_for, plan_for_goal
from planloom.cli.source import plan_text
from planloom.cli.terminal import Terminal
from planloom.planners.plan import Plan
from planloom.usage import metered

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "plan"
HELP = "plan a goal, and print or save the plan"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", metavar="GOAL", help="the goal in words")
    add_skill_argument(parser)
    add_library_argument(parser)
    add_input_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="save the plan: .xml, or .json")
    parser.add_argument("--budget", type=positive_int, metavar="TOKENS", help="model tokens in all, at most")
    add_json_argument(parser, "print the plan as JSON")


def run(arguments: Namespace, terminal: Terminal) -> int:
    if plan_text(arguments.what) is not None:
        raise UsageError(f"{arguments.what} is a plan already: run, check or show it.")
    plan = run_interruptibly(_plan(arguments, terminal), terminal)
    for warning in plan.warnings:
        terminal.say(f"{warning.severity}[{warning.code}]: {warning.message}")
    if arguments.output is None:
        terminal.put(plan.to_json() if arguments.json else str(plan))
    else:
        _save(plan, Path(arguments.output), as_json=arguments.json)
        terminal.say(f"saved {arguments.output}")
    return Exit.DONE


async def _plan(arguments: Namespace, terminal: Terminal) -> Plan:
    inputs = tuple(variables_of(arguments))
    told = PlanningProgress(terminal)
    with metered(arguments.budget):
        return await plan_for_goal(arguments.what, kernel_for(arguments, terminal), inputs, arguments, told)


def _save(plan: Plan, path: Path, *, as_json: bool) -> None:
    text = plan.to_json() if as_json or path.suffix.lower() == ".json" else str(plan)
    try:
        path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"-o {path}: the plan cannot be saved: {reason(error)}. It was:\n{text}") from error
