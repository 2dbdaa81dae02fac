"""Check plans as a compiler would, without running anything; every fault is listed, not only the first.

Exits with 1 if a plan has errors, or calls what --policy is sure to deny. Inputs that the plan needs are not
errors; they are listed, and so are the calls before which the policy asks.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from planloom.cli.exits import Exit
from planloom.cli.options import add_json_argument, add_library_argument, add_skill_argument
from planloom.cli.policy import add_policy_argument, policy_for
from planloom.cli.session import kernel_for
from planloom.cli.source import PlanText, read_plan_text
from planloom.cli.terminal import Terminal
from planloom.cli.text import inert_json
from planloom.kernel import Kernel
from planloom.planners.errors import PlanError
from planloom.planners.language.diagnostic import Diagnostic
from planloom.planners.language.report import format_diagnostics
from planloom.planners.plan import Plan
from planloom.planners.running.gate import foresee, refused
from planloom.planners.running.policies import idle_patterns
from planloom.planners.running.policy import NeedsApproval, Policy

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "check"
HELP = "check plans, and list every fault"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("plans", nargs="+", metavar="PLAN", help="a plan's file: .xml, .json, or - for stdin")
    add_skill_argument(parser)
    add_library_argument(parser)
    add_policy_argument(parser)
    add_json_argument(parser, "diagnostics as JSON, one a line")


def run(arguments: Namespace, terminal: Terminal) -> int:
    kernel = kernel_for(arguments, terminal)
    policy = policy_for(arguments)
    plans = [read_plan_text(name) for name in arguments.plans]
    if not arguments.skill and not kernel.functions:
        terminal.say("note: no --skill was given, so every function is unknown")
    for pattern in idle_patterns(policy, kernel.functions.values()) if policy else ():
        terminal.say(f"note: the policy names {pattern!r}, and no function is called so")
    passed = [_check(_findings(plan, kernel, policy), plan, arguments, terminal) for plan in plans]
    return Exit.DONE if all(passed) else Exit.WRONG_PLAN


def _check(
    findings: tuple[tuple[Diagnostic, ...], str], written: PlanText, arguments: Namespace, terminal: Terminal
) -> bool:
    found, about = findings
    if arguments.json:
        for diagnostic in found:
            terminal.put_raw(inert_json({"file": written.name, **asdict(diagnostic)}) + "\n")
    elif found:
        terminal.put(format_diagnostics(found, written.text, written.name))
    errors = sum(diagnostic.is_error for diagnostic in found)
    terminal.say(
        f"{written.name}: {about or _counted(errors, 'error')}, {_counted(len(found) - errors, 'warning')}"
    )
    return not errors


def _findings(written: PlanText, kernel: Kernel, policy: Policy | None) -> tuple[tuple[Diagnostic, ...], str]:
    """The plan's diagnostics, and what to say of a plan without errors."""
    try:
        plan = written.check(kernel)
    except PlanError as error:
        return error.diagnostics, ""
    needs = f", needs {', '.join(f'${name}' for name in plan.inputs)}" if plan.inputs else ""
    about = f"ok, {_counted(len(plan.steps), 'step')}{needs}"
    if policy is None:
        return plan.diagnostics, about
    denied = refused(plan, policy)
    found = sorted((*plan.diagnostics, *denied), key=lambda item: (item.line, item.column))
    return tuple(found), "" if denied else about + _asked(plan, policy)


def _asked(plan: Plan, policy: Policy) -> str:
    """The calls for which the policy is sure to want a person's yes."""
    asked = [
        f"{call.step} {call.function.full_name}"
        for call, decision in foresee(plan, policy)
        if isinstance(decision, NeedsApproval)
    ]
    return f", asks before {', '.join(asked)}" if asked else ""


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
