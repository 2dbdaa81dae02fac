"""Drafting: one line for each call, each held to what can be said there, until the model says no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from planloom.planners.choices.clauses import Piece
from planloom.planners.choices.draft import DraftCall, Output, ordered, taken_from, tree_of
from planloom.planners.choices.nearness import Nearness
from planloom.planners.drafting.copies import copied, said_in
from planloom.planners.drafting.coverage import Coverage
from planloom.planners.drafting.line_grammar import Lines, label, next_lines
from planloom.planners.drafting.line_reader import read_line
from planloom.planners.drafting.near import Offer, offer
from planloom.planners.drafting.prompt import NOTHING, draft_messages
from planloom.planners.errors import AnswerCutError, PlanNotPossible
from planloom.planners.language.writer import write_plan
from planloom.planners.plan import Plan
from planloom.planners.task import PlanningTask
from planloom.planners.writing import PlanText
from planloom.services.protocol import AnsweringService, ChatMessage, Settings

__all__ = ["ADAPTER", "Drafting"]

ADAPTER = "drafts"
"""The adapter of a model that was tuned for this strategy, as ``LlamaService.adapters`` names it."""
NEAR = 1.5
"""What a standard deviation of nearness is worth, in natural logarithms."""
ENDING = 1.5
"""What the end of a draft is worth beside a call."""
GIVING_UP = 2.0
"""What giving up is worth beside a first call."""
MOST_CALLS = 16
LONGEST_LINE = 512
"""Tokens."""


class Drafting:
    """Makes one plan by having a model write it call by call; what comes out is valid by construction."""

    def __init__(self, task: PlanningTask, settings: Settings, nearness: Nearness | None = None) -> None:
        extra = {**settings.extra, "adapter": ADAPTER}
        self._settings = replace(settings, max_tokens=LONGEST_LINE, stop=(), extra=extra)
        self._task, self._nearness = task, nearness
        self._goal = Piece(copied(task.goal), 0)
        self._said = said_in(task.goal)
        self._lines: list[str] = []
        self._labels: dict[str, DraftCall] = {}

    async def write(self) -> Plan:
        """The plan.

        Raises:
            PlanNotPossible: the model finds that these functions cannot reach the goal.
            AnswerCutError: a line was longer than a line can be.
            ServiceError: the model failed.
            BudgetExceededError: the budget was used up.
        """
        task = self._task
        offered = await offer(task.goal, task.functions, self._nearness)
        messages = draft_messages(task.goal, offered.functions.values(), task.inputs, offered.near)
        while len(self._labels) < MOST_CALLS:
            line = await self._line(messages, offered)
            if line == NOTHING:
                raise self._not_possible(offered.functions)
            if not line:
                break
            call = read_line(line, offered.functions, task.inputs, self._labels, self._goal)
            if self._shared(call) is not call:
                break
            self._lines.append(line)
            self._labels[label(call.function.name, self._labels)] = call
            if offered.coverage is not None:
                offered.coverage.take(call.function.full_name)
        text = write_plan(tree_of(_reported(ordered(self._labels.values())), task.inputs))
        if task.listener is not None:
            for part in text.splitlines(keepends=True):
                task.listener(PlanText(part))
        return task.read(text)

    async def _line(self, messages: Sequence[ChatMessage], offered: Offer) -> str:
        """The next line, with its newline; empty if the draft is done."""
        task = self._task
        lines = next_lines(list(offered.functions.values()), task.inputs, self._labels, self._said)
        written = [ChatMessage("assistant", "".join(self._lines))] if self._lines else []
        name = await self._chosen([*messages, *written], lines, offered.coverage)
        if name is None:
            return lines.end
        settings = replace(self._settings, grammar=lines.grammar(name))
        answer = await task.kernel.complete([*messages, *written], settings, service=task.service_name)
        if answer.text and not answer.text.endswith("\n"):
            said = f"A line was cut after {LONGEST_LINE} tokens. Pass long text as an input."
            raise AnswerCutError(said, goal=task.goal, answer=answer.text)
        return answer.text

    async def _chosen(
        self, messages: Sequence[ChatMessage], lines: Lines, coverage: Coverage | None
    ) -> str | None:
        """The function to call next, by what the model finds likely and what is near; None for the end.

        Empty where nearness is not known: then the model writes any line.
        """
        service = self._task.service
        if coverage is None or not isinstance(service, AnsweringService):
            return ""
        names = list(lines.calls)
        *likely, end = await service.likelihoods(messages, [*names, lines.end], self._settings)
        fits = [fit + NEAR * coverage.worth(name) for name, fit in zip(names, likely, strict=True)]
        best = max(range(len(names)), key=fits.__getitem__, default=None)
        bias = GIVING_UP if lines.end else ENDING
        return None if best is None or end + bias > fits[best] else names[best]

    def _shared(self, call: DraftCall) -> DraftCall:
        """The call, or the same one that was made before; of the calls inside it too, none is made twice."""
        for name, value in call.values.items():
            if isinstance(value, Output):
                call.values[name] = Output(self._shared(value.call), value.field)
        made = ordered(self._labels.values())
        return next((other for other in made if other.same_as(call)), call)

    def _not_possible(self, functions: Iterable[str]) -> PlanNotPossible:
        return PlanNotPossible(
            "The model finds that these functions cannot reach the goal: "
            f"{', '.join(functions)}. Add one, or say the goal in the words of their descriptions.",
            goal=self._task.goal,
        )


def _reported(calls: list[DraftCall]) -> list[DraftCall]:
    """The calls, with those reported to the user whose outputs no other takes, if that is more than one."""
    taken = taken_from(calls)
    ends = [call for call in calls if id(call) not in taken]
    for call in ends:
        call.reported = len(ends) > 1
    return calls
