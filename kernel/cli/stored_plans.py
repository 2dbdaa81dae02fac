"""The plan library that the command line names, and its plans as functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from planloom.cli.errors import UsageError
from planloom.cli.files import reason
from planloom.cli.terminal import Terminal
from planloom.errors import PlanloomError
from planloom.kernel import Kernel
from planloom.planners.errors import PlanError
from planloom.planners.library.library_errors import StoredPlanChanged
from planloom.planners.library.plan_library import PlanLibrary
from planloom.planners.running.executor import Executor

__all__ = ["add_stored_plans", "open_library", "with_stored_plans"]


def open_library(
    folder: str, kernel: Kernel, executor: Executor | None = None, *, make: bool = False
) -> PlanLibrary:
    """The library in ``folder``, with what runs its plans when they are called as functions.

    Raises:
        UsageError: it is not there, unless it may be made.
    """
    if not make and not Path(folder).is_dir():
        raise UsageError(f"there is no folder {folder}; `planloom plans save NAME PLAN` makes one.")
    try:
        return PlanLibrary(folder, kernel, executor=executor)
    except OSError as error:
        raise UsageError(f"--library {folder}: the folder cannot be made: {reason(error)}.") from error


def add_stored_plans(kernel: Kernel, folder: str, terminal: Terminal, executor: Executor | None) -> None:
    """Make the plans of a library functions of the kernel, and tell which cannot be called."""
    _tell(open_library(folder, kernel, executor).register().refused, terminal)


@contextmanager
def with_stored_plans(library: PlanLibrary, name: str, terminal: Terminal) -> Iterator[None]:
    """Let the plan ``name``, read inside, call the others; which cannot be called is told only if it fails.

    A library may well hold plans that need other skills than those given.
    """
    refused = library.register(other for other in library.names() if other != name).refused
    try:
        yield
    except (PlanError, StoredPlanChanged):
        _tell(refused, terminal)
        raise


def _tell(refused: Mapping[str, PlanloomError], terminal: Terminal) -> None:
    for name, error in refused.items():
        first_line, *_ = str(error).splitlines()
        terminal.say(f"note: Plans.{name} cannot be called: {first_line.rstrip(':')}")
