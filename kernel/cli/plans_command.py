"""Keep plans in a folder, find them again, and run them.

A stored plan is NAME.xml, which you may edit, and NAME.json, which holds its goal, its history and the
functions that it was made for. A plan is refused when those functions have changed, until it is saved again.
Stored plans may call each other, as Plans.NAME.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from planloom.cli.options import add_debug_argument
from planloom.cli.plans_actions import ACTIONS
from planloom.cli.terminal import Terminal

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "plans"
HELP = "keep plans in a folder: list, save, show, find, run, diff, remove"
FOLDER = "plans"


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for action in ACTIONS:
        own = actions.add_parser(action.name, help=action.help, description=f"{action.help.capitalize()}.")
        action.add_arguments(own)
        own.add_argument(
            "--library", default=FOLDER, metavar="FOLDER", help="where the plans are (default: ./%(default)s)"
        )
        add_debug_argument(own)
        own.set_defaults(action=action.run)


def run(arguments: Namespace, terminal: Terminal) -> int:
    return int(arguments.action(arguments, terminal))
