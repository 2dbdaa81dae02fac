"""Runs of plans on Temporal: on many machines, for as long as they take. Needs ``planloom[temporal]``.

A client starts runs, answers what they ask, and waits for what they give; ``worker`` makes the processes that
do the work. What a run did is in Temporal's history, and only there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError, is_cancelled_exception

from planloom.planners.journal.errors import (
    QuestionError,
    RunExistsError,
    RunNotFoundError,
    RunOverError,
    UnsavableValueError,
)
from planloom.planners.journal.history import Doubt, Question, Verdict
from planloom.planners.journal.identity import check_savable, functions_of, saved_inputs
from planloom.planners.journal.sqlite import new_run_id
from planloom.planners.journal.values import Unsavable
from planloom.planners.language.variables import variable_key
from planloom.planners.plan import Plan
from planloom.planners.running.origins import Origins, unwrapped, with_said
from planloom.planners.running.policy import Policy
from planloom.planners.running.records import RunResult, StepRecord
from planloom.plugins.temporal_blobs import blob_converter
from planloom.plugins.temporal_errors import naming, naming_query
from planloom.plugins.temporal_wire import (
    RUN_PLAN,
    AnswerSignal,
    Board,
    RemoteRunError,
    RunOrder,
    RunOutcome,
    VerdictSignal,
    packed,
)
from planloom.plugins.temporal_worker import worker
from planloom.services.protocol import Usage

__all__ = ["EngineRun", "TemporalEngine", "blob_converter", "worker"]

TASK = timedelta(seconds=5)
"""How long a worker may think about what to start next; a lost one then costs a run so long, and not ten."""


HISTORY_LIMIT = 10_000
"""Events; a step makes three, and three more where nothing else runs beside it."""


@dataclass(frozen=True, slots=True)
class EngineRun:
    """A run as the server lists it. ``status`` is Temporal's word: RUNNING, COMPLETED, FAILED, CANCELED."""

    run_id: str
    status: str
    started: datetime


class TemporalEngine:
    """Starts runs of plans on workers, and talks to them.

    Every method may raise ``ServerUnreachableError``, and ``EngineError`` for what else the server refuses.

    Args:
        client: connected to a Temporal server.
        task_queue: the queue that the workers serve.
        policy: the policy under which the workers run; a run is refused by workers that have one of another
            class. Its settings are not compared: what decides is the worker's.
        timeout: seconds that a whole run may take, its waits for people included.
        budget: tokens that a whole run may use.
        max_concurrency: how many steps of a run may be under way at once; 500 at most.
        history_limit: events after which a run goes on under a new history, as it does sooner when the server
            suggests it; a server ends a run whose history has 51,200.
    """

    def __init__(
        self,
        client: Client,
        task_queue: str,
        *,
        policy: Policy | None = None,
        timeout: float | None = None,
        budget: int | None = None,
        max_concurrency: int | None = None,
        history_limit: int = HISTORY_LIMIT,
    ) -> None:
        self.client, self.task_queue, self.policy = client, task_queue, policy
        self.timeout, self.budget, self.max_concurrency = timeout, budget, max_concurrency
        self.history_limit = history_limit

    async def start(
        self, plan: Plan, variables: Mapping[str, Any] | None = None, *, run_id: str | None = None
    ) -> str:
        """Start a run and give its id; the work is done by the workers.

        Raises:
            PlanError: an input is missing.
            UnsavableValueError: a value of the plan cannot be sent, or must not be kept.
            RunExistsError: there is a run of that id.
        """
        name = run_id or new_run_id()
        order = self._order(plan, variables or {})
        try:
            with naming(name):
                await self.client.start_workflow(
                    RUN_PLAN,
                    order,
                    id=name,
                    task_queue=self.task_queue,
                    task_timeout=TASK,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                )
        except WorkflowAlreadyStartedError as error:
            raise RunExistsError(
                name, "there is a run of that id already; give the new run another."
            ) from error
        return name

    async def result(self, run_id: str) -> RunResult:
        """Wait for a run's end; its values are plain JSON, whatever types its functions declare.

        Raises:
            RemoteRunError: it failed, or was cancelled. Such a run is over: nothing resumes it.
            RunNotFoundError: there is no such run.
        """
        handle: WorkflowHandle[Any, RunOutcome] = self.client.get_workflow_handle(
            run_id, result_type=RunOutcome
        )
        try:
            with naming(run_id):
                return _result(run_id, await handle.result())
        except WorkflowFailureError as error:
            raise _failure(run_id, error) from error

    async def questions(self, run_id: str) -> tuple[Question, ...]:
        """What the run asks; without a worker the server takes half a minute to say so.

        Raises:
            NoWorkerError: no worker lives that has what the run began with.
            RunNotFoundError: there is no such run.
        """
        return tuple(Question(**question) for question in (await self._board(run_id)).questions)

    async def doubts(self, run_id: str) -> tuple[Doubt, ...]:
        """The writes that may have happened: their worker was lost, or shut down, while they ran.

        Raises what ``questions`` raises.
        """
        return tuple(Doubt(**doubt) for doubt in (await self._board(run_id)).doubts)

    async def approve(self, run_id: str, step: str | None = None) -> None:
        """Say yes to the call that the run wants to make; ``step`` is needed when it asks for several.

        Raises:
            QuestionError: there is no such question, or more than one.
            RunOverError: the run has ended.
            NoWorkerError: no worker lives that has what the run began with.
            RunNotFoundError: there is no such run.
        """
        await self._say(run_id, "approval", step, True)

    async def deny(self, run_id: str, step: str | None = None) -> None:
        """Say no; raises what ``approve`` raises."""
        await self._say(run_id, "approval", step, False)

    async def answer(self, run_id: str, value: Any, step: str | None = None) -> None:
        """Answer an ``<ask>`` with plain JSON; raises what ``approve`` does, or ``UnsavableValueError``."""
        await self._say(run_id, "ask", step, value)

    async def decide(self, run_id: str, step: str, verdict: Verdict, value: Any = None) -> None:
        """Say what became of a write in doubt.

        Args:
            run_id: the run's name.
            step: the step in doubt.
            verdict: ``done`` (and gave ``value``), ``not-done`` (do it now), or ``skip`` (go on without it).
            value: what a write that was done returned, as plain JSON.

        Raises:
            QuestionError: the step is not in doubt, that is no verdict, or the value is not of the type that
                the function returns. The step stays in doubt.
            RunOverError: the run has ended.
            UnsavableValueError: the value is not plain JSON.
            NoWorkerError: no worker lives that has what the run began with.
            RunNotFoundError: there is no such run.
        """
        word = VerdictSignal(step, verdict, _plain(step, value))
        with naming_query(run_id):
            objection: str = await self._handle(run_id).query("objection", word, result_type=str)
        if objection:
            raise QuestionError(run_id, objection)
        await self._told(run_id, self._handle(run_id).signal("decide", word))

    async def cancel(self, run_id: str) -> None:
        """Ask a run to stop: writes that run are let finish. One that has ended stays as it is.

        Raises ``RunNotFoundError``.
        """
        with naming(run_id):
            await self._handle(run_id).cancel()

    async def list(self, limit: int = 100) -> tuple[EngineRun, ...]:
        """The newest runs of any task queue, newest first, as far as the server has indexed them."""
        query = f"WorkflowType = '{RUN_PLAN}' AND ExecutionStatus != 'ContinuedAsNew'"
        with naming("the list of runs"):
            found = [run async for run in self.client.list_workflows(query, limit=limit)]
        return tuple(EngineRun(run.id, _word(run.status), run.start_time) for run in found)

    # -- how it is said ----------------------------------------------------------------------------------

    def _order(self, plan: Plan, variables: Mapping[str, Any]) -> RunOrder:
        given, said = unwrapped(variables)
        plan.check_inputs({variable_key(name): value for name, value in given.items()})
        check_savable(plan)
        origins = Origins(plan, said)
        if origins.any_secret:
            named = ", ".join(sorted(origins.secret_names()))
            raise UnsavableValueError(named, "is secret, and the server would keep it; let the skill hold it")
        called = [step.function for step in plan.steps if step.function is not None]
        return RunOrder(
            task_queue=self.task_queue,
            plan=plan.to_json(),
            inputs=saved_inputs(with_said(given, said)),
            functions=functions_of(plan),
            queues={function.full_name: function.runs_on for function in called if function.runs_on},
            goal=plan.goal,
            policy=type(self.policy).__name__ if self.policy is not None else "",
            timeout=self.timeout,
            budget=self.budget,
            max_concurrency=self.max_concurrency,
            history_limit=self.history_limit,
        )

    def _handle(self, run_id: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(run_id)

    async def _board(self, run_id: str) -> Board:
        with naming_query(run_id):
            found: Board = await self._handle(run_id).query("board", result_type=Board)
        return found

    async def _say(self, run_id: str, about: str, step: str | None, value: Any) -> None:
        asked = await self.questions(run_id)
        found = [item for item in asked if item.about == about and step in (None, item.step)]
        if len(found) != 1:
            problem = (
                "asks more than one such question; name the step" if found else "has no such open question"
            )
            listed = "".join(f"\n  - {question}" for question in asked) or " nothing"
            raise QuestionError(run_id, f"the run {problem}. It asks:{listed}")
        word = AnswerSignal(found[0].step, found[0].fingerprint, _plain(found[0].step, value))
        await self._told(run_id, self._handle(run_id).signal("answer", word))

    async def _told(self, run_id: str, telling: Awaitable[None]) -> None:
        """Tell a run something; the server does not know a run that is over from one that never was."""
        try:
            with naming(run_id):
                await telling
        except RunNotFoundError as error:
            with naming(run_id):
                known = await self._handle(run_id).describe()
            over = f"the run is {_word(known.status)}; nothing can be said to it."
            raise RunOverError(run_id, over) from error


def _result(run_id: str, outcome: RunOutcome) -> RunResult:
    steps = tuple(
        StepRecord(step, name, {}, None, status, seconds)  # type: ignore[arg-type]  # a status we wrote
        for step, name, status, seconds in outcome.steps
    )
    usage = Usage(*outcome.tokens)
    return RunResult(outcome.text, outcome.results, outcome.variables, steps, usage, run_id=run_id)


def _failure(run_id: str, error: WorkflowFailureError) -> RemoteRunError:
    cause = error.cause
    if is_cancelled_exception(error) or is_cancelled_exception(cause):
        return RemoteRunError(run_id, "RunCancelled", "it was cancelled")
    if isinstance(cause, ApplicationError):
        return RemoteRunError(run_id, cause.type or "an error", cause.message)
    return RemoteRunError(run_id, type(cause).__name__, str(cause))


def _word(status: WorkflowExecutionStatus | None) -> str:
    return status.name if status else ""


def _plain(step: str, value: Any) -> Any:
    try:
        packed(value, Any)
    except Unsavable as error:
        raise UnsavableValueError(f"the answer to step {step}", f"cannot be sent: {error}") from error
    return value
