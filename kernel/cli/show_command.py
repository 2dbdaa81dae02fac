"""Show a plan as a graph: which steps run at once, what each waits for, conditions and loops.

The text groups steps by how early they can start; a step starts as soon as all that it needs is done.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from planloom.cli.exits import Exit
from planloom.cli.graph import draw_text
from planloom.cli.mermaid import draw_mermaid
from planloom.cli.options import add_library_argument, add_skill_argument
from planloom.cli.session import kernel_for
from planloom.cli.source import read_plan_text
from planloom.cli.terminal import Terminal

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "show"
HELP = "show a plan's graph, as text or Mermaid"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", metavar="PLAN", help="a plan's file: .xml, .json, or - for stdin")
    add_skill_argument(parser)
    add_library_argument(parser)
    parser.add_argument("--mermaid", action="store_true", help="a Mermaid flowchart, for Markdown and docs")


def run(arguments: Namespace, terminal: Terminal) -> int:
    plan = read_plan_text(arguments.what).check(kernel_for(arguments, terminal))
    terminal.put(draw_mermaid(plan) if arguments.mermaid else draw_text(plan))
    return Exit.DONE
