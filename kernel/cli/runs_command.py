"""Look at the runs of a journal, answer what they ask, and go on with them.

A journal is a file that `planloom run --journal FILE` writes, or Executor(journal=SqliteJournal(FILE)). What
is said here is kept in it, for whoever goes on with the run. approve, deny, answer and decide go on with it
at once when they are given its --skill.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from planloom.cli.errors import UsageError
from planloom.cli.exits import Exit
from planloom.cli.files import write_private
from planloom.cli.interrupt import run_interruptibly
from planloom.cli.options import (
    add_debug_argument,
    add_json_argument,
    add_library_argument,
    add_model_arguments,
    add_skill_argument,
    positive_int,
)
from planloom.cli.policy import add_policy_argument, policy_for
from planloom.cli.progress import Progress
from planloom.cli.questions import Questions
from planloom.cli.runs_text import listed, timeline
from planloom.cli.session import kernel_for, needs_model, require_model
from planloom.cli.terminal import Terminal
from planloom.cli.text import inert_json
from planloom.planners.journal.history import VERDICTS
from planloom.planners.journal.sqlite import SqliteJournal
from planloom.planners.running.executor import Executor

__all__ = ["DEFAULT_JOURNAL", "HELP", "NAME", "add_arguments", "run"]

NAME = "runs"
HELP = "list, show, answer and resume the runs of a journal"
DEFAULT_JOURNAL = "runs.db"
SHOWN = ("id", "status", "goal", "started", "updated", "events")


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    for name, (help_text, add) in _ACTIONS.items():
        action = actions.add_parser(name, help=help_text, description=help_text)
        action.add_argument(
            "--journal",
            default=DEFAULT_JOURNAL,
            metavar="FILE",
            help=f"default: {DEFAULT_JOURNAL}",
        )
        add_debug_argument(action)
        add(action)


def run(arguments: Namespace, terminal: Terminal) -> int:
    journal = SqliteJournal(arguments.journal)
    return _DOERS[arguments.action](journal, arguments, terminal)


# -- arguments -------------------------------------------------------------------------------------------


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--limit", type=positive_int, default=20, metavar="N", help="how many, newest first")
    add_json_argument(parser, "a JSON object a line")


def _run_argument(parser: ArgumentParser) -> None:
    parser.add_argument("run_id", metavar="RUN", help="the run's id")


def _going_on_arguments(parser: ArgumentParser) -> None:
    add_skill_argument(parser)
    add_library_argument(parser)
    add_model_arguments(parser)
    add_policy_argument(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress")


def _resume_arguments(parser: ArgumentParser) -> None:
    _run_argument(parser)
    _going_on_arguments(parser)
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="wait for another process that runs it"
    )


def _word_arguments(parser: ArgumentParser) -> None:
    _run_argument(parser)
    parser.add_argument("step", metavar="STEP", nargs="?", help="the step that asks, if several do")
    _going_on_arguments(parser)


def _answer_arguments(parser: ArgumentParser) -> None:
    _run_argument(parser)
    parser.add_argument("value", metavar="VALUE", help="the answer, as text")
    parser.add_argument("--as-json", action="store_true", help="VALUE is JSON: a number, list or object")
    parser.add_argument("--step", metavar="STEP", help="the step that asks, if several do")
    _going_on_arguments(parser)


def _decide_arguments(parser: ArgumentParser) -> None:
    _run_argument(parser)
    parser.add_argument("step", metavar="STEP", help="the step in doubt")
    parser.add_argument(
        "verdict",
        choices=VERDICTS,
        help="it was done; it was not, so do it now; go on without it",
    )
    parser.add_argument("--value", metavar="JSON", help="what it returned, if it was done; null for nothing")
    _going_on_arguments(parser)


def _export_arguments(parser: ArgumentParser) -> None:
    _run_argument(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="a file in place of standard output")


# -- what they do ----------------------------------------------------------------------------------------


def _list(journal: SqliteJournal, arguments: Namespace, terminal: Terminal) -> Exit:
    runs = journal.runs(arguments.limit)
    for row in runs if arguments.json else ():
        shown = {name: getattr(row, name) for name in SHOWN}
        terminal.put_raw(inert_json(shown) + "\n")
    if not arguments.json:
        terminal.put(listed(runs))
    return Exit.DONE


def _show(journal: SqliteJournal, arguments: Namespace, terminal: Terminal) -> Exit:
    events = journal.events(arguments.run_id)
    terminal.put(timeline(journal.run(arguments.run_id), events))
    return Exit.DONE


def _resume(journal: SqliteJournal, arguments: Namespace, terminal: Terminal) -> int:
    return run_interruptibly(_going_on(journal, arguments, terminal), terminal)


async def _going_on(journal: SqliteJournal, arguments: Namespace, terminal: Terminal) -> Exit:
    questions = Questions(terminal)
    executor_with = partial(
        Executor,
        ask=questions.ask if terminal.interactive else None,
        approve=questions.approve if terminal.interactive else None,
        policy=policy_for(arguments),
    )
    kernel = kernel_for(arguments, terminal, executor_with)
    called = journal.run(arguments.run_id).functions
    if needs_model(map(kernel.functions.find, called), kernel):
        require_model(kernel, arguments)
    listeners = [] if arguments.quiet else [Progress(terminal)]
    executor = executor_with(kernel, journal=journal, listeners=listeners)
    result = await executor.resume(arguments.run_id, wait=getattr(arguments, "wait", 0.0))
    terminal.put(result.text)
    return Exit.DONE


def _said(journal: SqliteJournal, arguments: Namespace, terminal: Terminal, what: str) -> int:
    """Go on if there are functions to go on with; else say how."""
    terminal.say(f"planloom: {what}")
    if arguments.skill or arguments.library:
        return _resume(journal, arguments, terminal)
    terminal.say(f"planloom: go on with `planloom runs resume {arguments.run_id} --skill ...`")
    return Exit.DONE


def _approve(journal: SqliteJournal, arguments: Namespace, terminal: Terminal) -> int:
    journal.approve(arguments.run_id, arguments.step)
    return _said(journal, arguments, terminal, "approved")


def _deny(journal: SqliteJournal, arguments: Namespace, terminal: Terminal) -> int:
    journal.deny(arguments.run_id, arguments.step)
    return _said(journal, arguments, terminal, "denied; a run that goes on fails there")


def _answer(journal: SqliteJournal, arguments: Namespace, terminal: Terminal) -> int:
    value = _json(arguments.value) if arguments.as_json else arguments.value
    journal.answer(arguments.run_id, value, arguments.step)
    return _said(journal, arguments, terminal, "answered")


def _decide(journal: SqliteJournal, arguments: Namespace, terminal: Terminal) -> int:
    if arguments.verdict == "done" and arguments.value is None:
        raise UsageError("say what it returned: --value JSON; null if it returns nothing.")
    journal.decide(arguments.run_id, arguments.step, arguments.verdict, _json(arguments.value or "null"))
    return _said(journal, arguments, terminal, f"step {arguments.step}: {arguments.verdict}")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{text} is not JSON ({error}); text needs quotes: '\"{text}\"'") from error


def _cancel(journal: SqliteJournal, arguments: Namespace, terminal: Terminal) -> Exit:
    journal.cancel(arguments.run_id)
    terminal.say("planloom: cancelled; a process that runs it is told")
    return Exit.DONE


def _export(journal: SqliteJournal, arguments: Namespace, terminal: Terminal) -> Exit:
    row = journal.run(arguments.run_id)
    events = journal.events(arguments.run_id)
    exported = {
        "id": row.id,
        "status": row.status,
        "goal": row.goal,
        "plan": json.loads(row.plan),
        "inputs": json.loads(row.inputs),
        "functions": row.functions,
        "events": [asdict(event) for event in events],
        "large": {digest: journal.value(digest) for event in events for digest in event.large},
    }
    text = inert_json(exported, indent=2) + "\n"
    if arguments.output is None:
        terminal.put_raw(text)
    else:
        write_private(arguments.output, text)
    return Exit.DONE


_ACTIONS: Mapping[str, tuple[str, Callable[[ArgumentParser], None]]] = {
    "list": ("the newest runs", _list_arguments),
    "show": ("one run's timeline, and what it waits for", _run_argument),
    "resume": ("go on with a run; what was finished is not done again", _resume_arguments),
    "approve": ("say yes to the call that a run wants to make", _word_arguments),
    "deny": ("say no to the call that a run wants to make", _word_arguments),
    "answer": ("give the value that a run asks for", _answer_arguments),
    "decide": ("say what became of a write that is in doubt", _decide_arguments),
    "cancel": ("end a run for good", _run_argument),
    "export": ("all that the journal has of a run, as JSON", _export_arguments),
}
_DOERS: Mapping[str, Callable[[SqliteJournal, Namespace, Terminal], int]] = {
    "list": _list,
    "show": _show,
    "resume": _resume,
    "approve": _approve,
    "deny": _deny,
    "answer": _answer,
    "decide": _decide,
    "cancel": _cancel,
    "export": _export,
}
