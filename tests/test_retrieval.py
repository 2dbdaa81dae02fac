"""Finding the functions that matter for a goal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planloom import Kernel, kernel_function
from planloom.errors import FunctionNotFoundError, ServiceResponseError
from planloom.function import KernelFunction
from planloom.planners.retrieval.function_index import FunctionIndex
from planloom.planners.retrieval.function_text import result_text
from planloom.planners.retrieval.producers import can_give
from planloom.planners.retrieval.selection import select_functions, select_functions_sync
from planloom.planners.retrieval.vectors import VectorIndex
from planloom.planners.retrieval.words import sentences, words

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


class Emailer:
    @kernel_function(effect="read")
    def getEmailAddress(self, recipient: Annotated[str, "A person's name"]) -> str:
        """Look up a person's e-mail address.

        Returns:
            The e-mail address.
        """
        return f"{recipient}@example.com"

    @kernel_function
    def sendEmail(
        self,
        message: Annotated[str, "What to say"],
        emailAddress: Annotated[str, "The e-mail address to send to"],
    ) -> str:
        """Send an e-mail."""
        return f"{message} -> {emailAddress}"


class Weather:
    @kernel_function(effect="read")
    def forecast(self, city: Annotated[str, "The city's name"]) -> str:
        """Tell tomorrow's weather in a city."""
        return f"sun in {city}"


class Tianqi:
    @kernel_function(effect="read")
    def query(self, chengshi: Annotated[str, "城市名称"]) -> str:
        """查询一个城市的天气预报。"""
        return chengshi

    @kernel_function
    def order(self, goods: Annotated[str, "商品名称"]) -> str:
        """下单购买一件商品。"""
        return goods


def kernel_of(*skills: object) -> Kernel:
    kernel = Kernel()
    for skill in skills:
        kernel.add_skill(skill)
    return kernel


@pytest.fixture
def kernel() -> Kernel:
    return kernel_of(Emailer(), Weather(), Tianqi())


def names(functions: Sequence[KernelFunction]) -> list[str]:
    return [function.full_name for function in functions]


def first(kernel: Kernel, goal: str) -> str:
    return FunctionIndex(kernel.functions.values()).search(goal, 1)[0].function.full_name


class TestWords:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("getHTTPStatus2", ["get", "http", "status", "2"]),
            ("send_mail_now", ["send", "mail", "now"]),
            ("an E-mail address", ["email", "addres"]),
            ("查询天气", ["查询", "询天", "天气"]),
            ("好", ["好"]),
            ("Wetter für Łódź, погода", ["wetter", "für", "łódź", "погода"]),
            ("", []),
        ],
    )
    def test_split(self, text: str, expected: list[str]) -> None:
        assert words(text) == expected

    @pytest.mark.parametrize(
        "forms",
        [("calculate", "calculates", "calculating", "calculation"), ("city", "cities"), ("stop", "stopped")],
    )
    def test_forms_of_a_word_are_one(self, forms: tuple[str, ...]) -> None:
        assert len({words(form)[0] for form in forms}) == 1

    def test_sentences_of_both_languages(self) -> None:
        assert sentences("Find it. Then send it!\n查天气。然后发邮件。") == [
            "Find it.",
            "Then send it!",
            "查天气。",
            "然后发邮件。",
        ]

    @given(st.text())
    def test_any_text_has_words_without_spaces(self, text: str) -> None:
        assert all(word and not word.isspace() for word in words(text))


class TestSearch:
    def test_the_named_function_is_first(self, kernel: Kernel) -> None:
        assert first(kernel, "What will the weather in Paris be?") == "Weather.forecast"
        assert first(kernel, "Send her an email") == "Emailer.sendEmail"

    def test_chinese_goals_find_chinese_descriptions(self, kernel: Kernel) -> None:
        assert first(kernel, "帮我看看北京的天气") == "Tianqi.query"
        assert first(kernel, "我想购买一件大衣") == "Tianqi.order"

    def test_every_sentence_finds_its_function(self, kernel: Kernel) -> None:
        goal = "Tell me the weather forecast for the city of Rome, a city I love. Send an email about it."
        found = FunctionIndex(kernel.functions.values()).search(goal, 2)
        assert {hit.function.full_name for hit in found} == {"Weather.forecast", "Emailer.sendEmail"}

    def test_scores_fall(self, kernel: Kernel) -> None:
        scores = [hit.score for hit in FunctionIndex(kernel.functions.values()).search("email address", 9)]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) >= 2

    def test_nothing_matches(self, kernel: Kernel) -> None:
        assert FunctionIndex(kernel.functions.values()).search("zzz", 5) == []

    def test_an_empty_index_finds_nothing(self) -> None:
        assert FunctionIndex([]).search("anything", 5) == []

    @settings(max_examples=50)
    @given(goal=st.text(max_size=200), limit=st.integers(1, 10))
    def test_any_goal_is_answered_within_the_limit(self, goal: str, limit: int) -> None:
        found = FunctionIndex(kernel_of(Emailer()).functions.values()).search(goal, limit)
        assert len(found) <= min(limit, 2)


class Concepts:
    """Embeds a text by which of its concepts it speaks of, in any language."""

    name, dimension = "concepts", 2

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.most = 1000

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked += texts
        return [
            [float("weather" in t.lower() or "Wetter" in t), float("mail" in t.lower() or "Brief" in t)]
            for t in texts[: self.most]
        ]


class TestVectors:
    def test_what_words_miss_vectors_find(self) -> None:
        index = FunctionIndex(kernel_of(Emailer(), Weather()).functions.values(), embed=Concepts())
        assert index.search("Wetter?", 1)[0].function.full_name == "Weather.forecast"

    def test_functions_are_embedded_once(self) -> None:
        service = Concepts()
        index = FunctionIndex(kernel_of(Weather()).functions.values(), embed=service)

        async def twice() -> None:
            await index.find("Wetter")
            await index.find("Brief")

        asyncio.run(twice())
        assert len(service.asked) == 3

    def test_an_answer_with_too_few_vectors_is_an_error(self) -> None:
        service = Concepts()
        index = FunctionIndex(kernel_of(Emailer(), Weather()).functions.values(), embed=service)
        service.most = 1
        with pytest.raises(ServiceResponseError, match="1 vectors came for 3 texts"):
            index.search("Wetter?", 1)

    def test_numpy_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        vectors = [[1.0, 0.0], [1.0, 1.0], [-1.0, 0.0], [0.0, 2.0]]
        quick = VectorIndex(vectors).rank([1.0, 0.5], 3)
        monkeypatch.setitem(sys.modules, "numpy", None)
        plain = VectorIndex(vectors).rank([1.0, 0.5], 3)
        assert [number for number, _ in quick] == [number for number, _ in plain] == [1, 0, 3]
        assert [score for _, score in quick] == pytest.approx([score for _, score in plain])


class Order(TypedDict):
    order_id: Annotated[int, "The order's number"]


class Orders:
    @kernel_function(effect="read")
    def latest(self) -> list[Order]:
        """List what was bought lately."""
        return []

    @kernel_function
    def cancel(self, order_id: Annotated[int, "The number of the order"]) -> None:
        """Cancel it."""


class Streets:
    @kernel_function(effect="read")
    def largest(
        self, city: Annotated[str, "The city's name"]
    ) -> Annotated[str, "The largest street in the city"]:
        """Name a city's largest street."""
        return city

    @kernel_function
    def close(self, street: Annotated[str, "The street in that city's centre"]) -> str:
        """Close a street of a city."""
        return street


class TestNeeds:
    def test_a_look_up_is_needed(self, kernel: Kernel) -> None:
        index = FunctionIndex(kernel.functions.values())
        needed = index.needed_by([kernel.functions["Emailer.sendEmail"]])
        assert names([hit.function for hit in needed]) == ["Emailer.getEmailAddress"]

    def test_fields_of_a_result_count(self) -> None:
        kernel = kernel_of(Orders(), Weather())
        needed = FunctionIndex(kernel.functions.values()).needed_by([kernel.functions["Orders.cancel"]])
        assert names([hit.function for hit in needed]) == ["Orders.latest"]

    def test_what_needs_the_value_itself_is_no_source_of_it(self) -> None:
        kernel = kernel_of(Weather(), Streets())
        assert (
            FunctionIndex(kernel.functions.values()).needed_by([kernel.functions["Weather.forecast"]]) == []
        )

    def test_nothing_is_needed_for_what_is_chosen_too(self, kernel: Kernel) -> None:
        index = FunctionIndex(kernel.functions.values())
        both = [kernel.functions["Emailer.sendEmail"], kernel.functions["Emailer.getEmailAddress"]]
        assert index.needed_by(both) == []

    def test_result_text_reads_docstring_and_fields(self) -> None:
        kernel = kernel_of(Emailer(), Orders())
        assert result_text(kernel.functions["Emailer.getEmailAddress"]) == "The e-mail address."
        assert result_text(kernel.functions["Orders.latest"]) == "order_id The order's number"

    @pytest.mark.parametrize(
        ("returned", "wanted", "fits"),
        [
            (str, str, True),
            (int, float, True),
            (bool, str, False),
            (None, str, False),
            (float, str, False),
            (dict, int, True),
            (str | None, str, True),
        ],
    )
    def test_types_must_fit(self, returned: object, wanted: object, fits: bool) -> None:
        assert can_give(returned, wanted) is fits


class TestSelection:
    def test_all_are_offered_when_they_fit(self, kernel: Kernel) -> None:
        assert names(select_functions_sync(kernel.functions, "weather", limit=5)) == list(kernel.functions)

    def test_the_limit_keeps_the_best_in_registered_order(self, kernel: Kernel) -> None:
        chosen = select_functions_sync(kernel.functions, "Weather for the email", limit=3)
        assert names(chosen) == ["Emailer.getEmailAddress", "Emailer.sendEmail", "Weather.forecast"]

    def test_what_a_chosen_function_needs_comes_along(self, kernel: Kernel) -> None:
        chosen = select_functions_sync(kernel.functions, "send a message", limit=2)
        assert names(chosen) == ["Emailer.getEmailAddress", "Emailer.sendEmail"]

    def test_the_budget_is_kept(self, kernel: Kernel) -> None:
        chosen = select_functions_sync(
            kernel.functions, "weather", budget_tokens=25, cost=lambda function: 10
        )
        assert len(chosen) <= 2
        assert "Weather.forecast" in names(chosen)

    def test_excluded_wins_over_pinned_and_pinned_over_included(self, kernel: Kernel) -> None:
        chosen = select_functions_sync(
            kernel.functions,
            "weather",
            include=["weather.*"],
            exclude=["*.sendEmail"],
            pinned=["Emailer.*"],
        )
        assert names(chosen) == ["Emailer.getEmailAddress", "Weather.forecast"]

    def test_pinned_functions_are_always_in(self, kernel: Kernel) -> None:
        chosen = select_functions_sync(kernel.functions, "weather", limit=1, pinned=["Tianqi.order"])
        assert names(chosen) == ["Tianqi.order"]

    def test_a_pinned_name_must_exist(self, kernel: Kernel) -> None:
        with pytest.raises(FunctionNotFoundError, match=r"Did you mean Weather\.forecast"):
            select_functions_sync(kernel.functions, "weather", pinned=["Weather.forcast"])

    def test_a_goal_that_matches_nothing_still_gets_functions(self, kernel: Kernel) -> None:
        assert len(select_functions_sync(kernel.functions, "Qué tiempo hace", limit=2)) == 2

    def test_an_index_is_reused(self, kernel: Kernel) -> None:
        index = FunctionIndex(kernel.functions.values())
        chosen = asyncio.run(
            select_functions(kernel.functions, "weather", limit=1, include=["Emailer.*", "W*"], index=index)
        )
        assert names(chosen) == ["Weather.forecast"]


def test_ten_thousand_functions() -> None:
    def noop() -> None: ...

    kernel = Kernel()
    for skill in range(100):
        source = {f"task{skill * 100 + number}": noop for number in range(100)}
        kernel.add_skill(source, name=f"Skill{skill}")
    kernel.add_skill(Emailer())
    assert len(kernel.functions) == 10_002
    chosen = select_functions_sync(kernel.functions, "Run task 4711, then send an email", budget_tokens=200)
    assert {"Emailer.sendEmail", "Emailer.getEmailAddress", "Skill47.task4711"} <= set(names(chosen))


@pytest.mark.slow
def test_published_goals_find_their_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    published, retrieval = import_module("published"), import_module("retrieval")
    if not (published.FOLDER / "sealtools.jsonl").exists():
        pytest.skip(f"the published data are not at {published.FOLDER}")
    goals = published.sealtools_goals()
    index = FunctionIndex(published.sealtools_catalogue())
    found = [[hit.function.name for hit in index.search(goal.goal, 20)] for goal in goals]
    assert retrieval.recall(found, goals, 10) >= 97
    assert retrieval.recall(found, goals, 20) >= 98.5
