"""Drafting: a line for each call, each held to what can be said there, until the model says no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from planloom.planners.choices.clauses import Piece
from planloom.planners.choices.draft import DraftCall, ordered, taken_from, tree_of
from planloom.planners.choices.nearness import Nearness
from planloom.planners.drafting.copies import copied, said_in
from planloom.planners.drafting.line_grammar import Lines, next_lines
from planloom.planners.drafting.line_reader import read_line
from planloom.planners.drafting.lookup import looked_up
from planloom.planners.drafting.near import Offer, offer
from planloom.planners.drafting.prompt import NOTHING, draft_messages, goal_messages
from planloom.planners.drafting.written import Name, Start, Turn, Written, next_start
from planloom.planners.errors import AnswerCutError, PlanNotPossible
from planloom.planners.language.writer import write_plan
from planloom.planners.plan import Plan
from planloom.planners.task import PlanningTask
from planloom.planners.writing import PlanText
from planloom.services.protocol import AnsweringService, ChatMessage, Settings
from planloom.services.usage import estimate_usage
from planloom.usage import reading

__all__ = ["ADAPTER", "Drafting"]

ADAPTER = "drafts"
"""The adapter of a model that was tuned for this strategy, as ``LlamaService.adapters`` names it."""
NEAR = 0.7
"""What a standard deviation of nearness is worth, in natural logarithms."""
ENDING = 1.5
"""What the end of a draft is worth beside a call."""
GIVING_UP = 1.5
"""What giving up is worth beside a first call."""
UNSURE = 3.0
"""A function that fits worse by less than this is tried too, in a draft of its own."""
MOST_DRAFTS = 3
SHORT = 4
"""Lines from which on a draft stays the only one: each costs time, and another is hardly ever better."""
TOLD = 0.3
"""What it is worth that the goal can be told from a draft, beside how likely the draft is for the goal."""
LOOKED_UP = 2.0
"""What a look-up is worth beside the text that it looks up by."""
MOST_CALLS = 16
SHARE_OF_FUNCTIONS = 0.6
"""Of the model's context; the rest is for instructions, the goal and the draft."""
LONGEST_LINE = 512
"""Tokens."""


class Drafting:
    """Makes one plan by having a model write it call by call; what comes out is valid by construction.

    Where the model hardly prefers one function to another, more drafts are written with the others, and the
    one is taken that is likeliest as a whole, and from which the goal can best be told.
    """

    def __init__(self, task: PlanningTask, settings: Settings, nearness: Nearness | None = None) -> None:
        extra = {**settings.extra, "adapter": ADAPTER}
        self._settings = replace(settings, max_tokens=LONGEST_LINE, stop=(), extra=extra)
        self._task, self._nearness = task, nearness
        self._goal = Piece(copied(task.goal), 0)
        self._said = said_in(task.goal)

    async def write(self) -> Plan:
        """The plan.

        Raises:
            PlanNotPossible: the model finds that these functions cannot reach the goal.
            AnswerCutError: a line was longer than a line can be, or there were too many.
            ServiceError: the model failed.
            BudgetExceededError: the budget was used up.
        """
        task = self._task
        limit = task.service.context_tokens
        room = None if limit is None else int(SHARE_OF_FUNCTIONS * limit)
        offered = await offer(task.goal, task.functions, self._nearness, room)
        messages = draft_messages(task.goal, offered.functions.values(), task.inputs, offered.near)
        best = await self._best(messages, offered)
        if best.given_up:
            raise self._not_possible(offered.functions)
        text = write_plan(tree_of(_reported(ordered(best.calls.values())), task.inputs))
        if task.listener is not None:
            for part in text.splitlines(keepends=True):
                task.listener(PlanText(part))
        return task.read(text)

    async def _best(self, messages: Sequence[ChatMessage], offered: Offer) -> Written:
        """The likeliest draft as a whole."""
        drafts, service = await self._drafts(messages, offered), self._task.service
        if len(drafts) == 1 or not isinstance(service, AnsweringService):
            return drafts[0]
        likely = await self._likelihoods(service, messages, [draft.text or NOTHING for draft in drafts])
        fits = [(fit + draft.worth, draft) for fit, draft in zip(likely, drafts, strict=True)]
        given_up = [pair for pair in fits if pair[1].given_up]
        plans = [pair for pair in fits if not pair[1].given_up]
        best = plans[0]
        if len(plans) > 1:
            told = [TOLD * await self._told(service, draft.text, offered) for _, draft in plans]
            _, best = max(zip(told, plans, strict=True), key=lambda pair: pair[0] + pair[1][0])
        # Any plan's words tell more of a goal than none does, so giving up is weighed without that.
        return max([best, *given_up], key=lambda pair: pair[0])[1]

    async def _drafts(self, messages: Sequence[ChatMessage], offered: Offer) -> list[Written]:
        """A first draft, and those with other functions where it was unsure."""
        first = await self._draft(messages, offered, ())
        if not first.ended:
            raise self._cut(f"A draft had no end after {MOST_CALLS} calls. Ask for less at once.", first.text)
        drafts, tried = [first], set[Start]()
        most = MOST_DRAFTS if len(first.lines) < SHORT else 1
        while len(drafts) < most and (start := next_start(drafts, tried, UNSURE)) is not None:
            tried.add(start)
            rival = await self._draft(messages, offered, start)
            drafts += [rival] if rival.ended else []
        return drafts

    async def _told(self, service: AnsweringService, draft: str, offered: Offer) -> float:
        """How likely the goal is, told from a draft: less for one that leaves a wish out, or adds one."""
        messages = goal_messages(draft, offered.functions.values())
        return (await self._likelihoods(service, messages, [f"{copied(self._task.goal)}\n"]))[0]

    async def _draft(self, messages: Sequence[ChatMessage], offered: Offer, start: Start) -> Written:
        """A draft that begins with the functions of ``start``, and goes on as is likeliest."""
        draft = Written(offered.coverage and offered.coverage.fresh(), self._task.inputs)
        functions = list(offered.functions.values())
        while len(draft.calls) < MOST_CALLS:
            lines = next_lines(functions, self._task.inputs, draft.calls, self._said)
            begun = [*messages, ChatMessage("assistant", draft.text)] if draft.lines else messages
            turn = await self._turn(begun, lines, draft, start)
            line = lines.end if turn.name is None else await self._line(begun, lines.grammar(turn.name))
            if line in ("", NOTHING):
                return draft.end(turn.end, given_up=line == NOTHING)
            line = await self._with_lookups(begun, line, offered, draft)
            if not draft.add(line, self._read(line, offered, draft)):
                return draft.end(turn.end)
            draft.worth += turn.worth
        return draft

    def _read(self, line: str, offered: Offer, draft: Written) -> DraftCall:
        return read_line(line, offered.functions, self._task.inputs, draft.calls, self._goal)

    async def _with_lookups(
        self, messages: Sequence[ChatMessage], line: str, offered: Offer, draft: Written
    ) -> str:
        """The line, with the look-ups without which it would be less likely."""
        service = self._task.service
        if not isinstance(service, AnsweringService):
            return line
        functions = list(offered.functions.values())
        while ways := looked_up(line, self._read(line, offered, draft), functions):
            likely = await self._likelihoods(service, messages, [line, *ways])
            best = max(range(len(ways)), key=lambda place: likely[place + 1])
            if likely[best + 1] + LOOKED_UP <= likely[0]:
                break
            line = ways[best]
            draft.worth += LOOKED_UP
        return line

    async def _line(self, messages: Sequence[ChatMessage], grammar: str) -> str:
        """The next line, with its newline; empty if the draft is done."""
        task = self._task
        settings = replace(self._settings, grammar=grammar)
        answer = await task.kernel.complete(messages, settings, service=task.service_name)
        if answer.text and not answer.text.endswith("\n"):
            said = f"A line was cut after {LONGEST_LINE} tokens. Pass long text as an input."
            raise self._cut(said, answer.text)
        return answer.text

    def _cut(self, said: str, answer: str) -> AnswerCutError:
        return AnswerCutError(said, goal=self._task.goal, answer=answer)

    async def _turn(
        self, messages: Sequence[ChatMessage], lines: Lines, draft: Written, start: Start
    ) -> Turn:
        """The function to call next, by what the model finds likely and what is near; None for the end.

        Its name is empty where nearness is not known: then the model writes any line.
        """
        service = self._task.service
        if draft.coverage is None or not isinstance(service, AnsweringService):
            return Turn("")
        names = list(lines.calls)
        *likely, end = await self._likelihoods(service, messages, [*names, lines.end])
        worth: dict[Name, float] = {name: NEAR * draft.coverage.worth(name) for name in names}
        worth[None] = GIVING_UP if lines.end else ENDING
        fits = {name: fit + worth[name] for name, fit in zip((*names, None), (*likely, end), strict=True)}
        turn = _turn_of(fits, worth, start[len(draft.turns) :][:1])
        # The end of what was written is no part of its text, but as likely or not.
        turn = replace(turn, end=worth[None] if lines.end else fits[None])
        draft.turns.append(turn)
        return turn

    async def _likelihoods(
        self, service: AnsweringService, messages: Sequence[ChatMessage], ways: Sequence[str]
    ) -> list[float]:
        with reading(estimate_usage(messages, "".join(ways)).total_tokens):
            return await service.likelihoods(messages, ways, self._settings)

    def _not_possible(self, functions: Iterable[str]) -> PlanNotPossible:
        return PlanNotPossible(
            "The model finds that these functions cannot reach the goal: "
            f"{', '.join(functions)}. Add one, or say the goal in the words of their descriptions.",
            goal=self._task.goal,
        )


def _turn_of(fits: Mapping[Name, float], worth: Mapping[Name, float], forced: Start) -> Turn:
    """The best way, with its rivals; or the one that is forced, with none."""
    if forced:
        return Turn(forced[0], worth=worth[forced[0]])
    best, *others = sorted(fits, key=fits.__getitem__, reverse=True)
    return Turn(best, [(fits[best] - fits[other], other) for other in others], worth[best])


def _reported(calls: list[DraftCall]) -> list[DraftCall]:
    """The calls, with those reported to the user whose outputs no other takes, if that is more than one."""
    taken = taken_from(calls)
    ends = [call for call in calls if id(call) not in taken]
    for call in ends:
        call.reported = len(ends) > 1
    return calls
