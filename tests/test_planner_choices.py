"""The chain of choices: clauses, pieces, and plans that are valid whatever the model says."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planloom import Kernel, kernel_function
from planloom.errors import BudgetExceededError
from planloom.planners import Executor, Plan, PlanNotPossible, SequentialPlanner
from planloom.planners.choices.clauses import Piece, clauses, mentions, names_left, pieces, points_back
from planloom.planners.choices.draft import Asked, DraftCall, Given, Output, ordered, tree_of, unused
from planloom.planners.choices.draft import Literal as Text
from planloom.planners.choices.lookups import may_give
from planloom.planners.language.writer import write_plan
from planloom.planners.writing import PlanChoice, PlanReady, PlanText
from planloom.services import ChatMessage, Completion, CompletionChunk, LlamaService, Settings

GOAL = "Send the input as an email to Steven and make sure I use his preferred name in the email"


class Room(Enum):
    KITCHEN = "kitchen"
    HALL = "hall"


class Names:
    """What people like to be called."""

    @kernel_function(effect="read")
    def getNickName(self, name: Annotated[str, "The person's name"]) -> str:
        """Look up the preferred name (nickname) of a person."""
        return {"steven": "Code King"}.get(name.lower(), name)


class StringFunctions:
    """Work on text."""

    @kernel_function(effect="none")
    def stringReplace(
        self,
        input: Annotated[str, "The text to work on"],
        from_: Annotated[str, "What to replace"],
        to: Annotated[str, "What to put in its place"],
    ) -> str:
        """Replace some text within a text."""
        return input.replace(from_, to)

    @kernel_function(effect="none")
    def lines(self, text: str, most: int = 3) -> list[str]:
        """The lines of a text."""
        return text.splitlines()[:most]


class Emailer:
    """Finds e-mail addresses and sends e-mail."""

    @kernel_function(effect="read")
    def getEmailAddress(self, recipient: Annotated[str, "Whose address"]) -> str:
        """Look up a person's e-mail address."""
        return f"{recipient.lower()}@example.com"

    @kernel_function
    def sendEmail(
        self,
        emailAddress: Annotated[str, "The address to send to"],
        message: Annotated[str, "The text of the e-mail"],
        subject: Annotated[str, "The subject line"] = "(no subject)",
    ) -> str:
        """Send an e-mail to an address."""
        return f"to {emailAddress}: {subject}: {message}"


class House:
    @kernel_function
    def light(self, room: Room, on: bool, colour: Literal["warm", "cold"] = "warm") -> None:
        """Switch a light."""

    @kernel_function
    def heat(self, degrees: float, rooms: list[str]) -> dict[str, Any]:
        """Heat rooms."""
        return {}

    @kernel_function(effect="read")
    def warmth(self) -> float:
        """How warm it is."""
        return 20.5


class Opinion:
    """A service that scores by a hash of what it is asked: any opinion, always the same."""

    accepts_grammar = False
    context_tokens = None
    is_small = True
    name = "opinion"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.asked = 0

    async def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        self.asked += 1
        return [-self._number(prompt + text) for text in continuations]

    def _number(self, text: str) -> float:
        digest = hashlib.sha256(f"{self.seed}{text}".encode(errors="replace")).digest()
        return int.from_bytes(digest[:2], "big") / 4096

    async def complete(self, messages: Sequence[ChatMessage], settings: Settings) -> Completion:
        raise AssertionError("the chain of choices never lets the model write")

    def stream(self, messages: Sequence[ChatMessage], settings: Settings) -> AsyncIterator[CompletionChunk]:
        raise AssertionError("the chain of choices never lets the model write")


def kernel(service: Any = None) -> Kernel:
    made = Kernel(service)
    for skill in (Names(), StringFunctions(), Emailer(), House()):
        made.add_skill(skill)
    return made


# -- clauses and pieces --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("goal", "parts"),
    [
        ("Do it", ["Do it"]),
        ("Read it, then sort it and save it.", ["Read it", "sort it", "save it"]),
        ("Sort it. Save it!", ["Sort it", "Save it"]),
        ("读取它，然后翻译成英文。", ["读取它", "翻译成英文"]),
        ("...", ["..."]),
        ("Mail notes.txt to Dr. Who", ["Mail notes.txt to Dr", "Who"]),
    ],
)
def test_a_goal_is_cut_into_clauses(goal: str, parts: list[str]) -> None:
    found = clauses(goal)
    assert [piece.text for piece in found] == parts
    assert all(goal[piece.start : piece.end] == piece.text for piece in found)


def test_pieces_are_texts_of_the_clause_that_may_be_values() -> None:
    clause = Piece("Send Peter's note to the sea", 10)
    found = pieces(clause)
    texts = [piece.text for piece in found]
    assert {"Peter", "Peter's note", "note", "the sea", "sea"} <= set(texts)
    assert not {"Send", "note to", "the"} & set(texts)
    assert all(clause.text[piece.start - 10 : piece.end - 10] == piece.text for piece in found)


def test_names_are_left_until_a_value_uses_them() -> None:
    clause = Piece("Send notes.txt to Carol at 7 today", 0)
    assert names_left(clause, []) == ["notes.txt", "Carol", "7"]
    assert names_left(clause, [Piece("to Carol", 15)]) == ["notes.txt", "7"]


def test_words_that_point() -> None:
    assert points_back("it")
    assert points_back("Them")
    assert not points_back("the")
    assert mentions("the input", "INPUT")
    assert mentions("my subject line", "subjectLine")
    assert not mentions("input file", "INPUT")


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_text_can_be_cut(goal: str) -> None:
    for clause in clauses(goal):
        for piece in pieces(clause):
            assert goal[piece.start : piece.end] == piece.text


# -- drafts --------------------------------------------------------------------------------------------


def test_calls_are_written_after_those_whose_output_they_take() -> None:
    made = kernel()
    here = Piece("", 0)
    look = DraftCall(made.functions["Names.getNickName"], {"name": Text("Ada & $1")}, here)
    ask = Asked("Which subject?")
    send = DraftCall(
        made.functions["Emailer.sendEmail"],
        {"emailAddress": Output(look), "message": Given("INPUT"), "subject": ask},
        here,
    )
    again = DraftCall(made.functions["Names.getNickName"], {"name": Text("Bob")}, here, reported=True)
    assert ordered([send, again]) == [look, send, again]
    assert unused([look, send, again]) == [again]
    text = write_plan(tree_of([send, again], ["INPUT", "nick_name"]))
    assert text == (
        "<plan>\n"
        '  <function.Names.getNickName name="Ada &amp; $1" setContextVariable="NICK_NAME_2"/>\n'
        '  <ask setContextVariable="SUBJECT" question="Which subject?"/>\n'
        '  <function.Emailer.sendEmail emailAddress="$NICK_NAME_2" message="$INPUT" subject="$SUBJECT"/>\n'
        '  <function.Names.getNickName name="Bob" appendToResult="RESULT__NICK_NAME_3"/>\n'
        "</plan>\n<!-- END -->"
    )
    assert Plan.parse(text, made, inputs=["INPUT", "nick_name"]).warnings == ()


def test_a_look_up_says_what_it_gives_and_does_not_need_it() -> None:
    functions = kernel().functions
    wanted = functions["Emailer.sendEmail"].parameters[0]
    giving = [name for name, function in functions.items() if may_give(function, wanted)]
    assert giving == ["Emailer.getEmailAddress"]


# -- whole plans ---------------------------------------------------------------------------------------

WORDS = [
    "Send",
    "it",
    "the input",
    "to",
    "Steven",
    "and",
    "then",
    "7.5",
    "kitchen",
    "a@b.c",
    "，",
    "$x",
    "<&>",
    "subject",
]


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=12),
    st.lists(st.sampled_from(["INPUT", "subject", "degrees"]), unique=True),
    st.integers(0, 2**32),
)
def test_whatever_the_model_thinks_the_plan_is_valid(words: list[str], inputs: list[str], seed: int) -> None:
    planner = SequentialPlanner(kernel(Opinion(seed)))
    goal = " ".join(words)
    try:
        plan = planner.create_plan_sync(goal, inputs=inputs)
    except PlanNotPossible as error:
        assert error.goal == goal
    else:
        assert plan.warnings == ()
        assert plan.steps


def test_the_same_goal_gives_the_same_plan() -> None:
    planner = SequentialPlanner(kernel(Opinion(3)))
    first, second = (planner.create_plan_sync(GOAL) for _ in range(2))
    assert str(first) == str(second)


def test_a_model_that_has_yet_to_be_downloaded_is_asked_as_what_it_turns_out_to_be() -> None:
    class Remote(Opinion):
        is_small = False

        async def load(self) -> None:
            self.is_small = True

    service = Remote()
    plan = SequentialPlanner(kernel(service), embed=None).create_plan_sync("Say hello to Ann")
    assert service.asked
    assert plan.steps


def test_choices_are_told_and_then_the_plan_line_by_line() -> None:
    async def events() -> list[Any]:
        return [event async for event in SequentialPlanner(kernel(Opinion(1))).stream_plan(GOAL)]

    seen = asyncio.run(events())
    choices = [event for event in seen if isinstance(event, PlanChoice)]
    asked = {choice.question: choice for choice in choices}
    assert {clause.text for clause in clauses(GOAL)} & set(asked)
    assert all(choice.chosen in dict(choice.options) for choice in choices)
    steps = [step for step in seen[-1].plan.steps if step.kind == "function"]
    assert any(f"{step.name} {name}" in asked for step in steps for name in step.arguments)
    assert isinstance(seen[-1], PlanReady)
    assert "".join(event.text for event in seen if isinstance(event, PlanText)) == str(seen[-1].plan)


def test_scoring_is_counted_and_a_budget_stops_it() -> None:
    service = Opinion(1)
    plan = SequentialPlanner(kernel(service)).create_plan_sync(GOAL)
    assert plan.usage.calls == service.asked
    assert plan.usage.prompt_tokens > 0
    with pytest.raises(BudgetExceededError):
        SequentialPlanner(kernel(Opinion(1)), budget=200).create_plan_sync(GOAL)


def test_without_a_function_that_fits_there_is_no_plan() -> None:
    class Even(Opinion):
        async def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
            return [-1.0 for _ in continuations]

    with pytest.raises(PlanNotPossible, match="No function fits"):
        SequentialPlanner(kernel(Even())).create_plan_sync("Order a pizza")


@pytest.mark.local_model
def test_the_bundled_model_plans_the_classic() -> None:
    made = Kernel(LlamaService())
    for skill in (Names(), StringFunctions(), Emailer()):
        made.add_skill(skill)
    planner = SequentialPlanner(made, strategy="choices")
    plan = planner.create_plan_sync(GOAL, inputs=["INPUT", "subject"])
    result = Executor(made).run_sync(plan, {"INPUT": "Hello Steven, it is done.", "subject": "News"})
    assert result.text == "to steven@example.com: News: Hello Code King, it is done."
