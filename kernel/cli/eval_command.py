"""Measure how well a model plans, on goals whose right plans are known.

FOLDER holds *.jsonl files, one goal a line; the functions that the goals are about are in catalogues/, in it
or beside it. Those files are run: only name folders that you trust. The table goes to standard output, each
goal to standard error as it is done: ok for a right plan, no for another one, or why there is none.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from planloom.cli.errors import UsageError
from planloom.cli.exits import Exit
from planloom.cli.files import reason
from planloom.cli.interrupt import run_interruptibly
from planloom.cli.model import service_for
from planloom.cli.options import add_json_argument, add_model_arguments
from planloom.cli.skills import make_importable
from planloom.cli.terminal import Terminal
from planloom.cli.text import shown
from planloom.kernel import Kernel

if TYPE_CHECKING:
    from planloom.planners.evaluation.evaluate import Contender, PlanMaker
    from planloom.planners.evaluation.report import Outcome, Report
    from planloom.planners.sequential import Strategy

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "eval"
HELP = "measure how well a model plans, on goals with known plans"
STRATEGIES = ("auto", "one-shot", "draft", "choices")
GROUPS = ("split", "language", "catalogue", "length", "tag")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", help="goals, and the functions that they are about")
    parser.add_argument(
        "--strategy",
        action="append",
        choices=STRATEGIES,
        help="how plans are made (default: auto, by the model); may be repeated, to compare",
    )
    parser.add_argument("--split", choices=("dev", "test"), help="only these goals")
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        choices=GROUPS,
        help="rows of the table for each of these; may be repeated",
    )
    parser.add_argument("--plot", metavar="FILE", help="save a bar chart: .png, .svg or .pdf")
    parser.add_argument("--quiet", action="store_true", help="only the result")
    add_model_arguments(parser)
    add_json_argument(parser, "all outcomes, and their means, as one JSON object")


def run(arguments: Namespace, terminal: Terminal) -> int:
    make_importable(Path.cwd())  # for what catalogues import
    report = run_interruptibly(_evaluated(arguments, terminal), terminal)
    if not report.outcomes:
        raise UsageError(f"{arguments.folder} has no goals of the split {arguments.split}.")
    if arguments.json:
        terminal.put_raw(report.to_json() + "\n")
    else:
        terminal.put(report.table(("strategy", "service", *arguments.by)))
    if arguments.plot is not None:
        _plot(report, Path(arguments.plot), terminal)
    return Exit.DONE


async def _evaluated(arguments: Namespace, terminal: Terminal) -> Report:
    from planloom.planners.evaluation.evaluate import evaluate_folder

    def tell(outcome: Outcome) -> None:
        if not arguments.quiet:
            terminal.say(_line(outcome))

    contenders = list(_contenders(arguments))
    return await evaluate_folder(arguments.folder, contenders, split=arguments.split, listener=tell)


def _contenders(arguments: Namespace) -> Iterator[Contender]:
    from planloom.planners.evaluation.evaluate import Contender

    service = service_for(arguments)
    for strategy in dict.fromkeys(arguments.strategy or ["auto"]):
        yield Contender(strategy, service, _planner(strategy))


def _planner(strategy: Strategy) -> Callable[[Kernel], PlanMaker]:
    from planloom.planners.sequential import SequentialPlanner

    return lambda kernel: SequentialPlanner(kernel, strategy=strategy)


def _line(outcome: Outcome) -> str:
    verdict = "ok" if outcome.score.whole else outcome.error or "no"
    goal = outcome.goal
    return f"  {verdict:<20} {outcome.seconds:6.2f} s  {outcome.strategy}  {goal.id}  {shown(goal.goal, 60)}"


def _plot(report: Report, path: Path, terminal: Terminal) -> None:
    try:
        report.plot(path)
    except OSError as error:
        raise UsageError(f"--plot {path}: it cannot be saved: {reason(error)}.") from error
    except ValueError as error:  # an ending that the plotting library does not know
        raise UsageError(f"--plot {path}: {error}.") from error
    terminal.say(f"saved {path}")
