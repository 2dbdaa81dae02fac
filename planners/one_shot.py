"""The strategy for models that follow instructions: ask once for the whole plan, and send faults back."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from planloom.errors import BudgetExceededError, ContextLengthError, ServiceError
from planloom.planners.answer import (
    holds_json_plan,
    is_json,
    looping,
    without_plan,
)
from planloom.planners.attempt import Attempt
from planloom.planners.errors import (
    AnswerCutError,
    InvalidPlanError,
    NoPlanInAnswerError,
    PlanError,
    PlannerError,
    PlanNotPossible,
)
from planloom.planners.plan import Plan
from planloom.planners.plan_schema import JSON_NOTE
from planloom.planners.prompt import planner_messages
from planloom.planners.task import PlanningTask
from planloom.planners.writing import PlanRepair, PlanText
from planloom.services.embeddings import TokenCountingService
from planloom.services.protocol import ChatMessage, ChatService, Completion, Settings
from planloom.services.usage import estimate_tokens

__all__ = ["OneShot"]

ENDED = re.compile(r"</plan>|<plan\s*/>")
FAULTY = "That plan has errors:\n{}\n\nAnswer with the whole plan again, corrected."
ABSENT_JSON = 'That is no plan. Answer with JSON: {"steps": [...]}.'
ABSENT = "That is no plan. Answer with XML that begins with <plan> and ends with </plan>."


@dataclass(frozen=True)
class OneShot:
    """Asks for a whole plan; an answer with faults goes back with its diagnostics, ``repairs`` times at most.

    ``settings`` carry the grammar, if there is one, or the schema; then the plan is asked for as JSON.
    ``clock`` gives seconds.
    """

    template: str
    settings: Settings
    repairs: int
    clock: Callable[[], float] = time.perf_counter

    async def write(self, task: PlanningTask) -> tuple[Plan, tuple[Attempt, ...]]:
        """A checked plan, and the attempts that failed before it.

        Raises:
            PlannerError: no plan came of it; the kind says why.
            ServiceError: the model failed, or the prompt does not fit its context; the attempts before that
                are in its notes, as in those of ``BudgetExceededError``.
            BudgetExceededError: the budget was used up.
        """
        asked = await planner_messages(
            self.template, task.goal, task.functions, task.inputs, task.kernel.skills
        )
        if self._as_json:
            asked = _in_json(asked)
        messages = asked
        attempts: tuple[Attempt, ...] = ()
        while True:
            started = self.clock()
            completion = await self._answer(task, messages, attempts)
            try:
                return self._read(task, completion), attempts
            except PlannerError as fault:
                attempts = (*attempts, _attempt(fault, completion, self.clock() - started))
                if (
                    not isinstance(fault, NoPlanInAnswerError | InvalidPlanError)
                    or len(attempts) > self.repairs
                ):
                    raise _with_history(fault, messages, attempts) from None
            _announce(task, attempts)
            messages = (*asked, *self._correction(attempts[-1]))

    @property
    def _as_json(self) -> bool:
        return self.settings.json_schema is not None

    async def _answer(
        self, task: PlanningTask, messages: Sequence[ChatMessage], attempts: Sequence[Attempt]
    ) -> Completion:
        try:
            await _require_room(task.service, messages)
            return await self._ask(task, messages)
        except (ServiceError, BudgetExceededError) as error:
            if attempts:
                error.add_note(_told(attempts))
            raise

    async def _ask(self, task: PlanningTask, messages: Sequence[ChatMessage]) -> Completion:
        listener = task.listener
        if listener is None:
            return await task.kernel.complete(messages, self.settings, service=task.service_name)
        return await task.kernel.complete_streaming(
            messages, self.settings, lambda text: listener(PlanText(text)), service=task.service_name
        )

    def _read(self, task: PlanningTask, completion: Completion) -> Plan:
        """The plan in an answer, or the error that names what the answer is instead."""
        answer = completion.text
        if completion.finish_reason == "content_filter":
            said = "The server's content filter stopped the answer. Say the goal in other words."
            raise NoPlanInAnswerError(said, goal=task.goal, answer=answer)
        ended = is_json(answer) if self._as_json else ENDED.search(answer) is not None
        if completion.finish_reason in ("length", "cancelled") and not ended:
            raise _cut(task, completion, as_json=self._as_json)
        if self._as_json and not holds_json_plan(answer):
            raise NoPlanInAnswerError(without_plan(answer, as_json=True), goal=task.goal, answer=answer)
        try:
            return task.read_json(answer) if self._as_json else task.read(answer)
        except PlanError as error:
            raise _named(task, answer, error) from error

    def _correction(self, attempt: Attempt) -> tuple[ChatMessage, ChatMessage]:
        """The faulty answer and what to do about it; only the latest, so that the prompt does not grow."""
        report = str(PlanError(attempt.diagnostics, attempt.answer))
        absent = all(found.code == "no-plan" for found in attempt.diagnostics)
        missing = ABSENT_JSON if self._as_json else ABSENT
        said = missing if absent else FAULTY.format(report)
        return ChatMessage("assistant", attempt.answer), ChatMessage("user", said)


def _cut(task: PlanningTask, completion: Completion, *, as_json: bool) -> PlannerError:
    answer = completion.text
    if looping(answer):
        return NoPlanInAnswerError(without_plan(answer, as_json=as_json), goal=task.goal, answer=answer)
    tokens = completion.usage.completion_tokens
    return AnswerCutError(
        f"The answer was cut after {tokens} tokens, before the plan ended. Raise max_tokens or ask for less.",
        goal=task.goal,
        answer=answer,
    )


def _named(task: PlanningTask, answer: str, error: PlanError) -> PlannerError:
    codes = {found.code for found in error.errors}
    if codes == {"empty-plan"}:
        return PlanNotPossible(
            "The model says that the goal cannot be reached with these functions: "
            f"{', '.join(task.functions) or 'none'}. Add functions, or ask for something else.",
            goal=task.goal,
            answer=answer,
            diagnostics=error.diagnostics,
        )
    if codes == {"no-plan"}:
        return NoPlanInAnswerError(
            without_plan(answer), goal=task.goal, answer=answer, diagnostics=error.diagnostics
        )
    return InvalidPlanError(
        "The model's plan has errors.", goal=task.goal, answer=answer, diagnostics=error.diagnostics
    )


def _attempt(fault: PlannerError, completion: Completion, seconds: float) -> Attempt:
    return Attempt(
        answer=completion.text,
        problem=fault.args[0],
        diagnostics=fault.diagnostics,
        finish_reason=completion.finish_reason,
        usage=completion.usage,
        seconds=seconds,
    )


def _told(attempts: Sequence[Attempt]) -> str:
    """The attempts in words, for an error that has no place for them."""
    lines = [
        f"Attempt {number} ({attempt.usage.total_tokens} tokens, {attempt.seconds:.1f} s): {attempt.problem}"
        + "".join(f"\n  {found.code}: {found.message}" for found in attempt.diagnostics)
        for number, attempt in enumerate(attempts, 1)
    ]
    return "\n".join(["Before this, the model's answers were no right plan.", *lines])


def _with_history(
    fault: PlannerError, messages: Sequence[ChatMessage], attempts: tuple[Attempt, ...]
) -> PlannerError:
    fault.prompt = "\n\n".join(message.content for message in messages)
    fault.attempts = attempts
    return fault


def _announce(task: PlanningTask, attempts: tuple[Attempt, ...]) -> None:
    if task.listener is not None:
        last = attempts[-1]
        task.listener(PlanRepair(len(attempts), last.problem, last.diagnostics))


def _in_json(messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
    """The messages with the word that the plan is to be JSON, at the end of the instructions."""
    first, *rest = messages
    return (ChatMessage(first.role, first.content + JSON_NOTE), *rest)


async def _require_room(service: ChatService, messages: Sequence[ChatMessage]) -> None:
    """Refuse a prompt that does not fit, before the call."""
    limit = service.context_tokens
    if limit is not None and (needed := await _tokens(service, messages)) > limit:
        raise ContextLengthError(service.name, needed, limit)


async def _tokens(service: ChatService, messages: Sequence[ChatMessage]) -> int:
    """The tokens of a prompt by the model's own count; an estimate where it has none."""
    texts = [message.content for message in messages]
    if isinstance(service, TokenCountingService):
        # In a thread, for a local model may have to be loaded first.
        return sum(await asyncio.to_thread(lambda: [service.count_tokens(text) for text in texts]))
    return sum(map(estimate_tokens, texts))
