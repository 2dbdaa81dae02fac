"""Run a plan from a file, or plan a goal and run the plan.

GOAL_OR_PLAN is a goal in words, or a plan: a file that ends in .xml or .json, or - for standard input.
A plan from a file needs a model only if it calls prompt functions. Progress goes to standard error, the
result to standard output. A plan that a model wrote is shown first; at a terminal, and if it changes
anything, it runs only after a yes (--yes says it beforehand).
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

from planloom.cli.errors import UsageError
from planloom.cli.exits import Exit
from planloom.cli.interrupt import run_interruptibly
from planloom.cli.json_lines import JsonLines
from planloom.cli.options import (
    add_input_arguments,
    add_json_argument,
    add_model_arguments,
    add_skill_argument,
    positive_int,
    positive_seconds,
    variables_of,
)
from planloom.cli.policy import add_policy_argument, policy_for
from planloom.cli.progress import PlanningProgress, Progress
from planloom.cli.questions import Questions
from planloom.cli.session import kernel_for, plan_for_goal, require_model
from planloom.cli.source import plan_text
from planloom.cli.terminal import Terminal
from planloom.errors import PlanloomError
from planloom.kernel import Kernel
from planloom.planners.journal.sqlite import SqliteJournal
from planloom.planners.language.variables import variable_key
from planloom.planners.plan import Plan
from planloom.planners.running.executor import Executor
from planloom.planners.running.run_errors import AskError
from planloom.usage import metered

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "run"
HELP = "run a plan, or plan a goal and run the plan"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", metavar="GOAL_OR_PLAN", help="a goal, or a plan's file (- for stdin)")
    add_skill_argument(parser)
    add_input_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="approve the plan and every call beforehand")
    parser.add_argument("--max-concurrency", type=positive_int, metavar="N", help="steps at once, at most")
    parser.add_argument(
        "--timeout", type=positive_seconds, metavar="SECONDS", help="what the plan's run may take, at most"
    )
    parser.add_argument("--budget", type=positive_int, metavar="TOKENS", help="model tokens in all, at most")
    add_policy_argument(parser)
    parser.add_argument(
        "--journal", metavar="FILE", help="remember the run in FILE: `planloom runs` shows and resumes it"
    )
    parser.add_argument("--run-id", metavar="ID", help="the run's name in the journal")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_json_argument(parser, "events as JSON on standard output, one a line, the result last")


def run(arguments: Namespace, terminal: Terminal) -> int:
    return run_interruptibly(_run(arguments, terminal), terminal)


async def _run(arguments: Namespace, terminal: Terminal) -> int:
    lines = JsonLines(terminal)
    try:
        with metered(arguments.budget):
            return await _plan_and_run(arguments, terminal, lines)
    except PlanloomError as error:
        if arguments.json:
            lines.error(error)
        raise


async def _plan_and_run(arguments: Namespace, terminal: Terminal, lines: JsonLines) -> Exit:
    if arguments.run_id is not None and arguments.journal is None:
        raise UsageError("--run-id names a run in a journal: give --journal FILE too.")
    variables = variables_of(arguments)
    written = plan_text(arguments.what)
    kernel = kernel_for(arguments)
    questions = Questions(terminal)
    if written is not None:
        plan = written.check(kernel)
        written.require_inputs(plan, variables)
        if any(step.function and step.function.kind == "prompt" for step in plan.steps):
            require_model(kernel, arguments)
    else:
        told = PlanningProgress(terminal)
        plan = await plan_for_goal(arguments.what, kernel, tuple(variables), arguments, told)
        if not await _wanted(plan, arguments, terminal, questions):
            terminal.say("planloom: the plan was not run; `planloom plan -o plan.xml` saves one for editing")
            return Exit.WRONG_PLAN
    if arguments.journal is None:
        _require_answers(plan, variables, terminal)
    if arguments.json:
        lines.plan(plan)
    await _execute(plan, kernel, variables, arguments, terminal, questions, lines)
    return Exit.DONE


def _require_answers(plan: Plan, variables: Mapping[str, Any], terminal: Terminal) -> None:
    """Raise ``AskError``, in the command line's words, when the plan asks and nobody is there."""
    given = {variable_key(name) for name in variables}
    asked = [unit.step.sets for unit in plan.program.asks if unit.known_as not in given]
    if asked and not terminal.interactive:
        raise AskError(
            f"the plan asks for ${asked[0]} and there is no terminal to ask at. "
            f"Give it with --var {asked[0]}=VALUE.",
            plan,
        )


async def _wanted(plan: Plan, arguments: Namespace, terminal: Terminal, questions: Questions) -> bool:
    """Whether a plan that a model wrote may run; a person is asked if it changes anything."""
    writes = any(step.function and step.function.effect == "write" for step in plan.steps)
    if arguments.yes or not writes or not terminal.interactive:
        return True
    return await questions.confirm("Run this plan?")


async def _execute(
    plan: Plan,
    kernel: Kernel,
    variables: dict[str, Any],
    arguments: Namespace,
    terminal: Terminal,
    questions: Questions,
    lines: JsonLines,
) -> None:
    executor = Executor(
        kernel,
        ask=questions.ask if terminal.interactive else None,
        approve=_approver(arguments, terminal, questions),
        listeners=[lines] if arguments.json else [] if arguments.quiet else [Progress(terminal)],
        max_concurrency=arguments.max_concurrency,
        timeout=arguments.timeout,
        budget=arguments.budget,
        policy=policy_for(arguments),
        journal=SqliteJournal(arguments.journal) if arguments.journal is not None else None,
    )
    result = await executor.run(plan, variables, run_id=arguments.run_id)
    if arguments.json:
        lines.result(result)
    else:
        terminal.put(result.text)


def _approver(arguments: Namespace, terminal: Terminal, questions: Questions) -> Any:
    if arguments.yes:
        return _always
    return questions.approve if terminal.interactive else None


async def _always(request: object, reason: str) -> bool:
    return True
