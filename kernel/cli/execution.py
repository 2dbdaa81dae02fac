"""Runs a checked plan as the options ask for: with progress or JSON lines, questions and approvals."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from planloom.cli.errors import UsageError
from planloom.cli.interrupt import run_interruptibly
from planloom.cli.json_lines import JsonLines
from planloom.cli.options import add_json_argument, positive_int, positive_seconds
from planloom.cli.policy import add_policy_argument, policy_for
from planloom.cli.progress import Progress
from planloom.cli.questions import Questions
from planloom.cli.terminal import Terminal
from planloom.errors import PlanloomError
from planloom.kernel import Kernel
from planloom.planners.journal.sqlite import SqliteJournal
from planloom.planners.language.variables import variable_key
from planloom.planners.plan import Plan
from planloom.planners.running.executor import Executor
from planloom.planners.running.records import StepRecord
from planloom.planners.running.run_errors import AskError
from planloom.usage import metered

__all__ = ["Execution", "add_run_arguments"]


def add_run_arguments(parser: ArgumentParser) -> None:
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


class Execution:
    """One run, from the options of ``add_run_arguments``."""

    def __init__(self, arguments: Namespace, terminal: Terminal) -> None:
        self._arguments, self._terminal = arguments, terminal
        self._lines = JsonLines(terminal)
        self.questions = Questions(terminal)

    def complete(self, work: Callable[[Namespace, Terminal, Execution], Coroutine[Any, Any, int]]) -> int:
        """The exit code of ``work``, under the token budget; with ``--json``, a failure is the last line."""
        return run_interruptibly(self._within_budget(work), self._terminal)

    async def _within_budget(
        self, work: Callable[[Namespace, Terminal, Execution], Coroutine[Any, Any, int]]
    ) -> int:
        try:
            if self._arguments.run_id is not None and self._arguments.journal is None:
                raise UsageError("--run-id names a run in a journal: give --journal FILE too.")
            with metered(self._arguments.budget):
                return await work(self._arguments, self._terminal, self)
        except PlanloomError as error:
            if self._arguments.json:
                self._lines.error(error)
            raise

    async def run(self, plan: Plan, kernel: Kernel, variables: Mapping[str, Any]) -> None:
        """Run the plan and put its result.

        Raises:
            AskError: the plan asks and nobody is there to answer.
            PlanloomError: whatever ``Executor.run`` raises.
        """
        if self._arguments.journal is None:  # with one, the run waits for its answers
            self._require_answers(plan, variables)
        if self._arguments.json:
            self._lines.plan(plan)
        run = self._outer_executor(kernel).start(plan, variables, run_id=self._arguments.run_id)
        try:
            result = await run.go()
        except asyncio.CancelledError:
            self._say_running(run.records)
            raise
        if self._arguments.json:
            self._lines.result(result)
        else:
            self._terminal.put(result.redacted().text)

    def _say_running(self, records: Iterable[StepRecord]) -> None:
        """After Ctrl-C: the plain functions that could not be interrupted."""
        running = [f"{record.step} ({record.name})" for record in records if record.status == "still-running"]
        if running:
            said = "still running, since they cannot be interrupted, until this process ends"
            self._terminal.say(f"planloom: {said}: {', '.join(running)}")

    def inner_executor(self, kernel: Kernel) -> Executor:
        """What runs stored plans that are called as functions: under the same policy."""
        return self._executor(kernel)

    def _outer_executor(self, kernel: Kernel) -> Executor:
        progress = [] if self._arguments.quiet else [Progress(self._terminal)]
        return self._executor(
            kernel,
            listeners=[self._lines] if self._arguments.json else progress,
            max_concurrency=self._arguments.max_concurrency,
            timeout=self._arguments.timeout,
            budget=self._arguments.budget,
            journal=SqliteJournal(self._arguments.journal) if self._arguments.journal is not None else None,
        )

    def _executor(self, kernel: Kernel, **options: Any) -> Executor:
        return Executor(
            kernel,
            ask=self.questions.ask if self._terminal.interactive else None,
            approve=self._approver(),
            policy=policy_for(self._arguments),
            **options,
        )

    def _require_answers(self, plan: Plan, variables: Mapping[str, Any]) -> None:
        """Raise ``AskError``, in the command line's words, when the plan asks and nobody is there."""
        given = {variable_key(name) for name in variables}
        asked = [unit.step.sets for unit in plan.program.asks if unit.known_as not in given]
        if asked and not self._terminal.interactive:
            raise AskError(
                f"the plan asks for ${asked[0]} and there is no terminal to ask at. "
                f"Give it with --var {asked[0]}=VALUE.",
                plan,
            )

    def _approver(self) -> Any:
        if self._arguments.yes:
            return _always
        return self.questions.approve if self._terminal.interactive else None


async def _always(request: object, reason: str) -> bool:
    return True
