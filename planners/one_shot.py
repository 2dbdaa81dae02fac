"""The strategy for models that follow instructions: ask once for the whole plan, and send faults back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planloom.errors import ContextLengthError
from planloom.planners.answer import looping, without_plan
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
from planloom.services.protocol import ChatMessage, ChatService, Completion, Settings
from planloom.services.usage import estimate_tokens

__all__ = ["OneShot"]

END = "</plan>"
FAULTY = "That plan has errors:\n{}\n\nAnswer with the whole plan again, corrected."
ABSENT_JSON = 'That is no plan. Answer with JSON: {"steps": [...]}.'
ABSENT = "That is no plan. Answer with XML that begins with <plan> and ends with </plan>."


@dataclass(frozen=True)
class OneShot:
    """Asks for a whole plan; an answer with faults goes back with its diagnostics, ``repairs`` times at most.

    ``settings`` carry the grammar, if there is one, or the schema; then the plan is asked for as JSON.
    """

    template: str
    settings: Settings
    repairs: int

    async def write(self, task: PlanningTask) -> tuple[Plan, tuple[Attempt, ...]]:
        """A checked plan, and the attempts that failed before it.

        Raises:
            PlannerError: no plan came of it; the kind says why.
            ServiceError: the model failed, or the prompt does not fit its context.
        """
        asked = await planner_messages(
            self.template, task.goal, task.functions, task.inputs, task.kernel.skills
        )
        if self.settings.json_schema is not None:
            asked = _in_json(asked)
        messages = asked
        attempts: tuple[Attempt, ...] = ()
        while True:
            _require_room(task.service, messages)
            completion = await self._ask(task, messages)
            try:
                return self._read(task, completion), attempts
            except PlannerError as fault:
                attempts = (*attempts, _attempt(fault, completion))
                if (
                    not isinstance(fault, NoPlanInAnswerError | InvalidPlanError)
                    or len(attempts) > self.repairs
                ):
                    raise _with_history(fault, messages, attempts) from None
            _announce(task, attempts)
            messages = (*asked, *self._correction(attempts[-1]))

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
        if completion.finish_reason in ("length", "cancelled") and END not in answer:
            raise _cut(task, completion)
        try:
            return task.read(answer) if self.settings.json_schema is None else task.read_json(answer)
        except PlanError as error:
            raise _named(task, answer, error) from error

    def _correction(self, attempt: Attempt) -> tuple[ChatMessage, ChatMessage]:
        """The faulty answer and what to do about it; only the latest, so that the prompt does not grow."""
        report = str(PlanError(attempt.diagnostics, attempt.answer))
        absent = all(found.code == "no-plan" for found in attempt.diagnostics)
        missing = ABSENT if self.settings.json_schema is None else ABSENT_JSON
        said = missing if absent else FAULTY.format(report)
        return ChatMessage("assistant", attempt.answer), ChatMessage("user", said)


def _cut(task: PlanningTask, completion: Completion) -> PlannerError:
    answer = completion.text
    if looping(answer):
        return NoPlanInAnswerError(without_plan(answer), goal=task.goal, answer=answer)
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


def _attempt(fault: PlannerError, completion: Completion) -> Attempt:
    return Attempt(
        completion.text, fault.args[0], fault.diagnostics, completion.finish_reason, completion.usage
    )


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


def _require_room(service: ChatService, messages: Sequence[ChatMessage]) -> None:
    """Refuse a prompt that does not fit, before the call."""
    limit = service.context_tokens
    needed = sum(estimate_tokens(message.content) for message in messages)
    if limit is not None and needed > limit:
        raise ContextLengthError(service.name, needed, limit)
