"""What ``planloom plans`` can do with a folder of plans."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass

from planloom.cli.execution import Execution, add_run_arguments
from planloom.cli.exits import Exit
from planloom.cli.interrupt import run_interruptibly
from planloom.cli.options import (
    add_input_arguments,
    add_json_argument,
    add_model_arguments,
    add_skill_argument,
    positive_int,
    variables_of,
)
from planloom.cli.plans_text import described, listed, stored_fields
from planloom.cli.questions import Questions
from planloom.cli.session import needs_model, require_model
from planloom.cli.skills import add_skills
from planloom.cli.source import PlanText, read_plan_text
from planloom.cli.stored_plans import open_library, with_stored_plans
from planloom.cli.terminal import Terminal
from planloom.cli.text import inert_json
from planloom.kernel import Kernel
from planloom.planners.library.library_errors import LibraryFileError
from planloom.planners.library.plan_library import PlanLibrary, StoredPlan

__all__ = ["ACTIONS", "Action"]


@dataclass(frozen=True, slots=True)
class Action:
    """One word after ``planloom plans``."""

    name: str
    help: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, Terminal], int]


def _add_list(parser: ArgumentParser) -> None:
    add_json_argument(parser, "one JSON object a line")


def _list(arguments: Namespace, terminal: Terminal) -> int:
    library = _library(arguments)
    plans = []
    for name in library.names():
        try:
            plans.append(library.get(name))
        except LibraryFileError as error:
            terminal.say(f"note: {error}")
    _put(plans, arguments, terminal)
    return Exit.DONE


def _add_save(parser: ArgumentParser) -> None:
    _add_name(parser)
    parser.add_argument(
        "plan",
        nargs="?",
        metavar="PLAN",
        help="a plan's file: .xml, .json, or - for stdin; without it, the plan is accepted as it is now",
    )
    parser.add_argument("--goal", metavar="TEXT", help="what the plan is for, in words")
    parser.add_argument(
        "--description", metavar="TEXT", help="what it does, for planners (default: the goal)"
    )
    parser.add_argument("--note", default="", metavar="TEXT", help="why, for the history")
    add_skill_argument(parser)


def _save(arguments: Namespace, terminal: Terminal) -> int:
    kernel = _kernel(arguments)
    written = None if arguments.plan is None else read_plan_text(arguments.plan)
    library = open_library(arguments.library, kernel, make=written is not None)
    with with_stored_plans(library, arguments.name, terminal):
        stored = library.save(
            arguments.name,
            None if written is None else written.check(kernel),
            goal=arguments.goal,
            description=arguments.description,
            note=arguments.note,
        )
    terminal.say(f"saved {stored.path}, version {stored.versions[-1].number}")
    return Exit.DONE


def _add_show(parser: ArgumentParser) -> None:
    _add_name(parser)
    add_json_argument(parser, "everything that is known of it as one JSON object")


def _show(arguments: Namespace, terminal: Terminal) -> int:
    stored = _library(arguments).get(arguments.name)
    if arguments.json:
        terminal.put_raw(inert_json(stored_fields(stored)) + "\n")
        return Exit.DONE
    terminal.say(described(stored))
    terminal.put(stored.text)
    return Exit.DONE


def _add_find(parser: ArgumentParser) -> None:
    parser.add_argument("goal", metavar="GOAL", help="what is wanted, in words")
    parser.add_argument("--limit", type=positive_int, default=5, metavar="N", help="plans (default: 5)")
    add_json_argument(parser, "one JSON object a line, best first")


def _find(arguments: Namespace, terminal: Terminal) -> int:
    found = _library(arguments).find(arguments.goal, arguments.limit)
    _put([one.plan for one in found], arguments, terminal)
    return Exit.DONE if found else Exit.WRONG_PLAN


def _add_run(parser: ArgumentParser) -> None:
    _add_name(parser)
    add_skill_argument(parser)
    add_input_arguments(parser)
    add_model_arguments(parser)
    add_run_arguments(parser)


def _run(arguments: Namespace, terminal: Terminal) -> int:
    return Execution(arguments, terminal).complete(_load_and_run)


async def _load_and_run(arguments: Namespace, terminal: Terminal, execution: Execution) -> int:
    variables = variables_of(arguments)
    kernel = _kernel(arguments)
    library = open_library(arguments.library, kernel, execution.inner_executor(kernel))
    with with_stored_plans(library, arguments.name, terminal):
        plan = library.load(arguments.name)
    PlanText(str(plan), arguments.name, is_json=False).require_inputs(plan, variables)
    if needs_model((step.function for step in plan.steps), kernel):
        require_model(kernel, arguments)
    await execution.run(plan, kernel, variables)
    return Exit.DONE


def _add_diff(parser: ArgumentParser) -> None:
    _add_name(parser)
    parser.add_argument("old", nargs="?", type=positive_int, help="a version (default: the latest saved one)")
    parser.add_argument("new", nargs="?", type=positive_int, help="a version (default: the file as it is)")


def _diff(arguments: Namespace, terminal: Terminal) -> int:
    found = _library(arguments).diff(arguments.name, arguments.old, arguments.new)
    if found:
        terminal.put(found)
    return Exit.DONE


def _add_remove(parser: ArgumentParser) -> None:
    _add_name(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask, at a terminal, whether to")


def _remove(arguments: Namespace, terminal: Terminal) -> int:
    library = _library(arguments)
    stored = library.get(arguments.name)
    if terminal.interactive and not arguments.yes:
        question = f"Delete {stored.name} and its {len(stored.versions)} versions?"
        if not run_interruptibly(Questions(terminal).confirm(question), terminal):
            return Exit.WRONG_PLAN
    library.remove(arguments.name)
    terminal.say(f"removed {arguments.name}")
    return Exit.DONE


def _add_name(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the stored plan's name")


def _kernel(arguments: Namespace) -> Kernel:
    kernel = Kernel()
    add_skills(kernel, arguments.skill)
    return kernel


def _library(arguments: Namespace) -> PlanLibrary:
    return open_library(arguments.library, Kernel())


def _put(plans: list[StoredPlan], arguments: Namespace, terminal: Terminal) -> None:
    if arguments.json:
        for stored in plans:
            terminal.put_raw(inert_json(stored_fields(stored)) + "\n")
    elif plans:
        terminal.put(listed(plans))
    else:
        terminal.say("no plans")


ACTIONS = (
    Action("list", "list the stored plans", _add_list, _list),
    Action("save", "store a plan, or a new version of it", _add_save, _save),
    Action("show", "show a plan, what it is for, and its history", _add_show, _show),
    Action("find", "find the stored plans for a goal, best first", _add_find, _find),
    Action("run", "run a stored plan", _add_run, _run),
    Action("diff", "show what was changed, between versions or by hand", _add_diff, _diff),
    Action("remove", "delete a plan and its history", _add_remove, _remove),
)
