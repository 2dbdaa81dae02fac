"""Drafting by what the model finds likely and what is near in meaning."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from drafter import Codes, Drafter, kernel
from gbnf import Grammar
from planloom import Kernel
from planloom.planners import Plan, PlanNotPossible, SequentialPlanner
from planloom.planners.drafting.coverage import coverage
from planloom.planners.drafting.prompt import NOTHING
from planloom.planners.drafting.written import Turn, Written, next_start
from planloom.services import ChatMessage, Settings


class Weigher(Drafter):
    """A service that finds ways to go on as likely as it is told, and writes the first line that it may."""

    def __init__(self, likely: dict[str, float]) -> None:
        super().__init__(self.first)
        self.likely = likely

    def first(self, messages: Sequence[ChatMessage], settings: Settings) -> str:
        return Grammar(settings.grammar or "").sample(random.Random(1))

    async def likelihoods(
        self, messages: Sequence[ChatMessage], answers: Sequence[str], settings: Settings
    ) -> list[float]:
        return [self.likely.get(answer, -20.0) for answer in answers]


class Same:
    """An embedding service for which all texts are as near as the words that they share."""

    name, dimension = "same", 64

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[float(text.lower().count(chr(97 + place))) for place in range(26)] for text in texts]


def weighed(likely: dict[str, float], goal: str) -> Plan:
    planner = SequentialPlanner(kernel(Weigher(likely)), embed=Same())
    return asyncio.run(planner.create_plan(goal))


def test_a_near_function_is_chosen_among_likely_ones() -> None:
    likely = {"People.phone": -1.0, "Diary.days": -1.0, "": -0.1}
    assert "Diary.days" in str(weighed(likely, "List days"))
    assert "People.phone" in str(weighed(likely, "Look up a phone number"))


def test_what_is_unlikely_is_not_chosen_for_being_near() -> None:
    assert "People.phone" in str(weighed({"People.phone": -1.0, "": -0.1}, "List days"))


def test_what_is_weighed_is_counted() -> None:
    made = weighed({"People.phone": -1.0, "": -0.1}, "Look up a phone number")
    assert made.usage.calls > 2
    assert made.usage.prompt_tokens > 10


class Whole(Weigher):
    """Prefers ``first`` a little at the start of a draft, and drafts that hold ``better`` as a whole."""

    def __init__(self, first: str, better: str, by: float) -> None:
        super().__init__({first: -1.0, better: -1.0 - by, "": 5.0})
        self.better = better

    async def likelihoods(
        self, messages: Sequence[ChatMessage], answers: Sequence[str], settings: Settings
    ) -> list[float]:
        if any(answer.endswith("\n") and answer != NOTHING for answer in answers):
            return [-1.0 if self.better in answer else -9.0 for answer in answers]
        return await super().likelihoods(messages, answers, settings)


def drafted(first: str, better: str, by: float) -> str:
    planner = SequentialPlanner(kernel(Whole(first, better, by)), embed=Level())
    return str(asyncio.run(planner.create_plan("x")))


class Teller(Whole):
    """Finds all drafts as likely as each other, and tells the goal from those that hold ``told``."""

    def __init__(self, first: str, other: str, told: str) -> None:
        super().__init__(first, other, 1.0)
        self.told = told

    async def likelihoods(
        self, messages: Sequence[ChatMessage], answers: Sequence[str], settings: Settings
    ) -> list[float]:
        asked = messages[-1].content
        if asked.startswith("Goal of:"):
            assert list(answers) == ["x\n"]
            return [-1.0 if self.told in asked else -30.0]
        if any(answer.endswith("\n") and answer != NOTHING for answer in answers):
            return [-1.0 for _ in answers]
        return await super().likelihoods(messages, answers, settings)


@pytest.mark.parametrize("told", ["People.phone", "Diary.days"])
def test_the_draft_is_taken_from_which_the_goal_can_be_told(told: str) -> None:
    planner = SequentialPlanner(kernel(Teller("People.phone", "Diary.days", told)), embed=Level())
    assert told in str(asyncio.run(planner.create_plan("x")))


def test_a_goal_that_is_likely_not_possible_is_given_up_though_a_plan_shares_its_words() -> None:
    service = Teller("People.phone", "Diary.days", told="People.phone")
    service.likely |= {NOTHING: -0.5, "": -0.5}
    with pytest.raises(PlanNotPossible):
        asyncio.run(SequentialPlanner(kernel(service), embed=Level()).create_plan("x"))


def test_a_draft_that_goes_in_circles_pays_for_its_end() -> None:
    """It ends, unlikely as that is, where it writes the same look-up again; its rival ends by itself."""
    service = Circler()
    made = asyncio.run(SequentialPlanner(kernel(service), embed=Level()).create_plan("x"))
    assert "Diary.days" in str(made)


class Circler(Weigher):
    """Looks a number up for ever, or lists days once; finds both drafts as likely as each other."""

    def __init__(self) -> None:
        super().__init__({"People.phone": -1.0, "Diary.days": -1.5})

    def first(self, messages: Sequence[ChatMessage], settings: Settings) -> str:
        looks = super().first(messages, settings).startswith("People.phone")
        return 'People.phone person="x"\n' if looks else 'Diary.days most="1"\n'

    async def likelihoods(
        self, messages: Sequence[ChatMessage], answers: Sequence[str], settings: Settings
    ) -> list[float]:
        if any(answer.endswith("\n") and answer != NOTHING for answer in answers):
            return [-1.0 for _ in answers]
        listed = messages[-1].role == "assistant" and "Diary.days" in messages[-1].content
        likely = {"": -3.0} if listed else self.likely
        return [likely.get(answer, -20.0) for answer in answers]


class Looker(Weigher):
    """Calls ``Codes.holiday`` with a text, and finds the look-up ``by`` as much likelier as it is told."""

    def __init__(self, by: float) -> None:
        super().__init__({"Codes.holiday": -1.0, "": 5.0})
        self.by = by

    def first(self, messages: Sequence[ChatMessage], settings: Settings) -> str:
        return 'Codes.holiday place="Poland"\n'

    async def likelihoods(
        self, messages: Sequence[ChatMessage], answers: Sequence[str], settings: Settings
    ) -> list[float]:
        if any("Poland" in answer for answer in answers):
            return [self.by if "Codes.iso" in answer else 0.0 for answer in answers]
        return await super().likelihoods(messages, answers, settings)


@pytest.mark.parametrize(("by", "calls"), [(-1.0, 2), (-20.0, 1)])
def test_a_look_up_is_made_where_the_plan_is_likely_enough_with_it(by: float, calls: int) -> None:
    made = Kernel(Looker(by))
    made.add_skill(Codes())
    planner = SequentialPlanner(made, embed=Level())
    assert str(planner.create_plan_sync("When is Poland's next holiday?")).count("<function.") == calls


class Level(Same):
    """An embedding service for which all texts are equally near."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0] * self.dimension for _ in texts]


def test_where_the_model_is_unsure_the_draft_is_taken_that_is_likelier_as_a_whole() -> None:
    assert "Diary.days" in drafted("People.phone", "Diary.days", by=1.0)


def test_where_the_model_is_sure_there_is_one_draft() -> None:
    assert "Diary.days" not in drafted("People.phone", "Diary.days", by=10.0)


class Lister(Weigher):
    """Lists days again and again, until ``lines`` are written, and hardly prefers that to a phone number."""

    def __init__(self, lines: int) -> None:
        super().__init__({"Diary.days": -1.0, "People.phone": -1.5})
        self.lines = lines

    def first(self, messages: Sequence[ChatMessage], settings: Settings) -> str:
        return f'Diary.days most="{len(self.requests)}"\n'

    async def likelihoods(
        self, messages: Sequence[ChatMessage], answers: Sequence[str], settings: Settings
    ) -> list[float]:
        written = messages[-1].content.count("\n") if messages[-1].role == "assistant" else 0
        end = 9.0 if written >= self.lines else -20.0
        return [end if answer == "" else self.likely.get(answer, -20.0) for answer in answers]


@pytest.mark.parametrize(("lines", "drafts"), [(1, 2), (3, 3), (4, 1)])
def test_a_long_draft_stays_the_only_one(lines: int, drafts: int) -> None:
    service = Lister(lines)
    asyncio.run(SequentialPlanner(kernel(service), embed=Level()).create_plan("x"))
    assert len(service.requests) == drafts * lines


def test_drafts_begin_where_another_way_was_nearly_as_good() -> None:
    first = Written(None, turns=[Turn("a", [(2.0, "b"), (9.0, None)]), Turn(None, [(1.0, "c")])])
    assert next_start([first], set(), 3.0) == ("a", "c")
    assert next_start([first], {("a", "c")}, 3.0) == ("b",)
    assert next_start([first], {("a", "c"), ("b",)}, 3.0) is None
    forced = Written(None, turns=[Turn("b"), Turn(None, [(0.5, "d")])])
    assert next_start([first, forced], set(), 3.0) == ("b", "d")


def test_a_goal_is_given_up_that_no_function_is_likely_for() -> None:
    with pytest.raises(PlanNotPossible):
        weighed({NOTHING: -1.0}, "Sing a song")


def test_each_clause_is_covered_once() -> None:
    found = coverage([[3.0, 1.0, 1.0], [1.0, 1.0, 3.0]], ["a", "b", "c"])
    assert found.worth("a") == found.worth("c") > 1 > found.worth("b")
    found.take("a")
    assert found.worth("a") < 0 < found.worth("c")
    found.take("b")
    found.take("c")
    assert found.worth("c") == 0
