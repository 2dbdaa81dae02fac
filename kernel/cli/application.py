"""The command line's frame: reads the arguments, runs a command, and tells every failure in one message."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Sequence

from planloom import __version__
from planloom.cli.commands import COMMANDS, Command
from planloom.cli.exits import Exit, exit_for
from planloom.cli.options import add_debug_argument
from planloom.cli.terminal import Terminal
from planloom.errors import PlanloomError

__all__ = ["main", "make_parser"]

EPILOG = """\
exit codes:
  0    done
  1    the plan or the goal is wrong, or an input is missing
  2    the command line is wrong: an option, a file, a skill
  3    a step failed, or the run took too long
  4    the model or its server failed, or the token budget is used up
  5    the run waits for an answer: `planloom runs show RUN` says what for
  70   a fault in planloom itself
  130  stopped by Ctrl-C (a second Ctrl-C stops at once)
  141  whoever read the output went away
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. ``argv`` is the process's own if left out."""
    terminal = Terminal.of_process()
    arguments = make_parser().parse_args(argv)
    try:
        code = arguments.command.run(arguments, terminal)
    except KeyboardInterrupt:
        terminal.say("planloom: stopped")
        code = Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost place: a person reads a message, not a traceback
        code = _told(error, terminal, debug=arguments.debug)
    if terminal.broken is not None:
        terminal.abandon_output()
        return code or Exit.BROKEN_PIPE
    return int(code)


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="planloom",
        description="Turn a goal into a plan that can be read, trusted and run.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"planloom {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        _add(command, commands)
    return parser


def _add(command: Command, commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        command.NAME,
        help=command.HELP,
        description=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    add_debug_argument(parser, default=False)
    parser.set_defaults(command=command)


def _told(error: Exception, terminal: Terminal, *, debug: bool) -> Exit:
    """Tell a failure on standard error and give its exit code."""
    code = exit_for(error)
    if debug:
        terminal.say("".join(traceback.format_exception(error)).rstrip())
    elif isinstance(error, PlanloomError):
        terminal.say(f"planloom: {error}")
    else:
        terminal.say(
            f"planloom: unexpected {type(error).__name__}: {error}. Run it again with --debug to see where, "
            "and please report it."
        )
    return code
