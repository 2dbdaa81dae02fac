"""The table of commands. A new command is a module like those here, and a line in ``COMMANDS``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Protocol

from planloom.cli import (
    ask_command,
    check_command,
    eval_command,
    functions_command,
    plan_command,
    plans_command,
    run_command,
    runs_command,
    serve_mcp,
    show_command,
)
from planloom.cli.terminal import Terminal

__all__ = ["COMMANDS", "Command"]


class Command(Protocol):
    """What a command's module offers; ``HELP`` is a sentence, its docstring the long description."""

    NAME: str
    HELP: str
    __doc__: str | None

    def add_arguments(self, parser: ArgumentParser) -> None: ...

    def run(self, arguments: Namespace, terminal: Terminal) -> int:
        """Do it and return the exit code; an error is raised and told by the application."""
        ...


COMMANDS: tuple[Command, ...] = (
    run_command,
    runs_command,
    plan_command,
    check_command,
    show_command,
    functions_command,
    plans_command,
    eval_command,
    ask_command,
    serve_mcp,
)
