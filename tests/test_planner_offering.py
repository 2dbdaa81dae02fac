"""Which functions a planner offers: of thousands those that matter, those pinned always."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from drafter import Drafter
from planloom import Kernel, kernel_function
from planloom.errors import FunctionNotFoundError
from planloom.planners import InvalidPlanError, PlanNotPossible, SequentialPlanner
from planloom.planners.retrieval import function_index
from planloom.planners.retrieval.function_index import FunctionIndex
from planloom.planners.retrieval.function_text import searchable
from planloom.services import ScriptedService
from planloom.services.usage import estimate_tokens

GOOD = '<plan><function.Mail.send to="$INPUT"/></plan>'


class Mail:
    @kernel_function
    def send(self, to: str) -> str:
        """Send an email."""
        return to

    @kernel_function(effect="read")
    def address(self, person: str) -> str:
        """Look up whom to write to."""
        return person


def noop() -> None:
    """Do nothing that matters."""


def kernel(service: Any, skills: int = 2) -> Kernel:
    """A kernel with ``skills`` times a hundred functions, and those of Mail after them."""
    made = Kernel(service)
    for skill in range(skills):
        tasks = {f"task{number}": noop for number in range(skill * 100, skill * 100 + 100)}
        made.add_skill(tasks, name=f"Skill{skill}")
    made.add_skill(Mail())
    return made


def shown(service: ScriptedService) -> str:
    return service.requests[-1].text


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many functions each index has that is made."""
    sizes: list[int] = []
    init = FunctionIndex.__init__

    def counted(self: FunctionIndex, functions: Any, **options: Any) -> None:
        init(self, functions, **options)
        sizes.append(len(self.functions))

    monkeypatch.setattr(FunctionIndex, "__init__", counted)
    return sizes


def test_ten_thousand_functions_are_registered_indexed_once_and_planned_with(made: list[int]) -> None:
    service = ScriptedService([GOOD, GOOD], context_tokens=4096)
    planner = SequentialPlanner(kernel(service, 100))
    for task in (4711, 815):
        plan = planner.create_plan_sync(f"Do task {task}, then send an email")
        assert [step.name for step in plan.steps] == ["Mail.send"]
        assert f"Skill{task // 100}.task{task}(" in shown(service)
        assert "Mail.send(to)" in shown(service)
    assert made == [10_002]


def test_the_index_is_made_anew_when_there_are_other_functions(made: list[int]) -> None:
    service = ScriptedService([GOOD, GOOD])
    with_tasks = kernel(service)
    planner = SequentialPlanner(with_tasks, function_tokens=100)
    planner.create_plan_sync("Send an email")
    with_tasks.add_function(noop, skill="Trains", name="book")
    planner.create_plan_sync("Book trains, then send an email")
    assert "Trains.book()" in shown(service)
    assert made == [202, 203]


def test_an_index_is_not_made_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()

    def noted(function: Any) -> dict[str, str]:
        threads.add(threading.current_thread())
        return searchable(function)

    monkeypatch.setattr(function_index, "searchable", noted)
    SequentialPlanner(kernel(ScriptedService([GOOD])), function_tokens=100).create_plan_sync("Send an email")
    assert threads
    assert threading.current_thread() not in threads


class Post:
    """An embedding service to which mail is mail in any language, and all else is something else."""

    name, dimension = "post", 2

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, 0.0] if "mail" in text or "Brief" in text else [0.0, 1.0] for text in texts]


@pytest.mark.parametrize(("embed", "found"), [(Post(), True), (None, False)])
def test_vectors_of_the_planners_service_find_what_words_do_not(embed: Post | None, found: bool) -> None:
    service = ScriptedService([GOOD])
    planner = SequentialPlanner(kernel(service), function_tokens=40, embed=embed, constrain=False, repairs=0)
    with contextlib.suppress(InvalidPlanError):
        planner.create_plan_sync("Brief an Ada")
    assert ("Mail.send(to)" in shown(service)) is found


def test_function_tokens_bound_what_is_offered_where_the_context_is_not_known() -> None:
    service = ScriptedService([GOOD, GOOD])
    SequentialPlanner(kernel(service)).create_plan_sync("Send an email")
    assert shown(service).count(".task") == 200
    SequentialPlanner(kernel(service), function_tokens=100).create_plan_sync("Send an email")
    assert "Mail.send(to)" in shown(service)
    assert shown(service).count(".task") < 10


def test_pinned_functions_are_offered_whatever_the_goal_and_include_say() -> None:
    service = ScriptedService([GOOD])
    planner = SequentialPlanner(
        kernel(service), include=["Skill1.*"], pinned=["mail.SEND", "*.task7"], function_tokens=60
    )
    planner.create_plan_sync("Do task 150")
    assert "Mail.send(to)" in shown(service)
    assert "Skill0.task7()" in shown(service)
    assert "Skill1.task150()" in shown(service)
    assert "Mail.address" not in shown(service)


def test_a_pinned_name_must_be_registered_and_excluded_wins() -> None:
    service = ScriptedService(["<plan/>"])
    with pytest.raises(FunctionNotFoundError, match=r"Mail\.send"):
        SequentialPlanner(kernel(service), pinned=["Mail.sent"]).create_plan_sync("Send it")
    with pytest.raises(PlanNotPossible):
        SequentialPlanner(kernel(service), pinned=["Mail.send"], exclude=["Mail.*"]).create_plan_sync(
            "Send it"
        )
    assert "Mail.send" not in shown(service)


def test_drafts_choose_among_the_pinned_functions_too() -> None:
    service = Drafter(lambda messages, settings: "none\n")
    planner = SequentialPlanner(kernel(service), embed=None, pinned=["Skill0.task7", "Mail.*"])
    with pytest.raises(PlanNotPossible):
        planner.create_plan_sync("Do task 150")
    offered = service.requests[0][0][0].content
    assert "Skill0.task7()" in offered
    assert "Mail.address(person)" in offered
    assert "Skill1.task150()" in offered


class Scorer(ScriptedService):
    """Finds everything equally likely, and remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__(context_tokens=1500)
        self.prompts: list[str] = []

    async def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        self.prompts.append(prompt)
        return [-1.0 for _ in continuations]


def test_choices_need_no_room_for_a_template_and_a_whole_plan() -> None:
    service = Scorer()
    planner = SequentialPlanner(kernel(service), strategy="choices", embed=None)
    with pytest.raises(PlanNotPossible):
        planner.create_plan_sync("Zzz")
    longest = max(service.prompts, key=len)
    assert 20 < longest.count("Tool: Skill") < 200
    assert estimate_tokens(longest) < 1500


def test_a_budget_for_no_function_is_named() -> None:
    service = ScriptedService([GOOD])
    with pytest.raises(PlanNotPossible, match="function_tokens=3"):
        SequentialPlanner(kernel(service), function_tokens=3).create_plan_sync("Send an email")
    with pytest.raises(ValueError, match="function_tokens"):
        SequentialPlanner(kernel(service), function_tokens=0)
    assert not service.requests
