"""The grammar of plans: whatever it lets through is a plan without faults."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field

from gbnf import Grammar, Repeat
from planloom import Kernel
from planloom.function import KernelFunction
from planloom.parameter import REQUIRED, Parameter
from planloom.planners import Plan
from planloom.planners.grammar import plan_grammar
from planloom.planners.literals import literal_rule
from planloom.planners.plan_schema import plan_schema
from planloom.skill import Skill


class Colour(Enum):
    RED = "red & hot"
    PAID = "$5 < $6"


class Order(BaseModel):
    id: int


class Flight(BaseModel):
    number: str
    price: float
    stops: list[str]
    note: str | None


def nothing() -> None:
    """Does nothing."""


def even(number: int) -> int:
    if number % 2:
        raise ValueError("odd")
    return number


TAKEN: list[Any] = [
    str,
    int,
    float,
    bool,
    Any,
    Colour,
    Order,
    Literal["a", 'b"c', 3],
    int | None,
    str | None,
    int | str,
    list[str],
    list[int],
    dict[str, int],
    list[Order],
    Annotated[int, Field(ge=1, le=6)],
    Annotated[int, Field(ge=0)],
    Annotated[int, Field(gt=10)],
    Annotated[float, Field(lt=0.5)],
    Annotated[str, Field(min_length=1)],
    Annotated[str, Field(pattern="^[A-Z]{3}$")],
    Annotated[list[str], Field(min_length=2)],
    Annotated[int, AfterValidator(even)],
]
GIVEN: list[Any] = [
    str,
    int,
    Any,
    None,
    Order,
    Flight,
    Order | None,
    bool,
    list[str],
    list[int],
    list[Any],
    dict[str, Any],
    int | None,
]
PARAMETER_NAMES = ["input", "text", "from", "user-id", "setContextVariable", "after", "x y", "$top", "items"]


@st.composite
def functions(draw: st.DrawFn) -> list[KernelFunction]:
    made = []
    for number in range(draw(st.integers(1, 5))):
        names = draw(st.lists(st.sampled_from(PARAMETER_NAMES), max_size=4, unique=True))
        made.append(
            KernelFunction(
                "S",
                f"f{number}",
                nothing,
                declared_parameters=tuple(
                    Parameter(
                        name,
                        draw(st.sampled_from(TAKEN)),
                        default=draw(st.sampled_from([REQUIRED, REQUIRED, None])),
                    )
                    for name in names
                ),
                declared_returns=draw(st.sampled_from(GIVEN)),
            )
        )
    return made


def kernel_of(made: list[KernelFunction]) -> Kernel:
    kernel = Kernel()
    kernel.add_skill(Skill("S", "", {function.name: function for function in made}))
    return kernel


@settings(deadline=None, max_examples=150)
@given(
    functions(),
    st.lists(st.sampled_from(["INPUT", "subject", "text1", "Item"]), unique=True),
    st.integers(0, 2**32),
)
def test_every_sentence_is_a_plan_without_faults(
    made: list[KernelFunction], inputs: list[str], seed: int
) -> None:
    kernel = kernel_of(made)
    grammar = Grammar(plan_grammar(made, inputs))
    for walk in range(5):
        text = grammar.sample(random.Random(seed + walk))
        assert text.endswith(("</plan>", "<plan/>"))
        if text != "<plan/>":
            assert Plan.parse(text, kernel, inputs=inputs).warnings == (), text


def sentences(grammar: str, count: int = 200) -> str:
    read = Grammar(grammar)
    return "\n".join(read.sample(random.Random(seed)) for seed in range(count))


def repeats(rule: object) -> Iterator[Repeat]:
    """All that may stand there several times."""
    if isinstance(rule, Repeat):
        yield rule
        yield from repeats(rule.item)
    elif isinstance(rule, tuple):
        for part in rule:
            yield from repeats(part)


def test_closed_types_have_only_their_members() -> None:
    paint = KernelFunction(
        "S",
        "paint",
        nothing,
        declared_parameters=(
            Parameter("colour", Colour),
            Parameter("coats", Annotated[int, Field(ge=1, le=3)]),
            Parameter("gloss", bool),
        ),
    )
    grammar = plan_grammar([paint])
    assert '"red &amp; hot" | "$$5 &lt; $$6"' in grammar
    assert '::= "1" | "2" | "3"' in grammar
    assert '::= "true" | "false"' in grammar


def test_a_value_that_cannot_be_written_waits_for_one_to_refer_to() -> None:
    make = KernelFunction("S", "make", nothing, declared_parameters=(), declared_returns=dict[str, Any])
    pay = KernelFunction("S", "pay", nothing, declared_parameters=(Parameter("order", dict[str, Any]),))
    text = sentences(plan_grammar([make, pay], inputs=[]))
    assert 'order="$OBJECT1"' in text
    assert 'pay order="{' not in text


def test_a_list_can_be_gone_through_one_call_for_each_element() -> None:
    find = KernelFunction("S", "find", nothing, declared_parameters=(), declared_returns=list[str])
    read = KernelFunction(
        "S", "read", nothing, declared_parameters=(Parameter("path", str),), declared_returns=str
    )
    text = sentences(plan_grammar([find, read], inputs=[]))
    assert '<foreach item="ITEM' in text
    assert 'in="$LIST1"' in text


def test_a_call_can_stand_under_a_condition_and_another_where_that_does_not_hold() -> None:
    price = KernelFunction("S", "price", nothing, declared_returns=float)
    name = KernelFunction("S", "name", nothing, declared_returns=str)
    said = sentences(plan_grammar([price, name], inputs=[]), 400)
    for part in (
        ' <if condition="$NUMBER1 &lt; ',
        ' <if condition="not $NUMBER1">',
        ' in $TEXT1">',
        '    <function.S.name appendToResult="RESULT__ELSE',
        "  </else>",
    ):
        assert part in said
    assert "<plan>\n  <if" not in said, "there is nothing yet to compare"
    assert " in $message" in sentences(plan_grammar([price, name], inputs=["message"]), 400)


def test_what_is_true_or_false_is_compared_with_no_number() -> None:
    is_open = KernelFunction("S", "isOpen", nothing, declared_returns=bool)
    count = KernelFunction("S", "count", nothing, declared_returns=int)
    said = sentences(plan_grammar([is_open, count], inputs=[]), 600)
    conditions = set(re.findall(r'condition="(.*?)"', said))
    of_truths = {condition for condition in conditions if "$TRUTH" in condition}
    assert {"$TRUTH1", "not $TRUTH1", "$TRUTH1 == true", "$TRUTH1 != false"} <= of_truths
    assert not any(re.search(r"\d$", condition.partition("$TRUTH")[2][1:]) for condition in of_truths)
    assert any("$NUMBER1 &lt;" in condition for condition in conditions)


class Door(BaseModel):
    locked: bool
    width: float


def test_of_records_the_fields_tell_numbers_from_truths() -> None:
    door = KernelFunction("S", "door", nothing, declared_returns=Door)
    said = sentences(plan_grammar([door], inputs=[]), 600)
    assert "$DOOR1.locked == true" in said
    assert "$DOOR1.locked &" not in said
    assert "$DOOR1.width &lt;" in said


def test_a_declared_input_can_be_a_list_to_go_through() -> None:
    listed = KernelFunction("S", "parts", nothing, declared_returns=list[str])
    assert ' in="$people">' in sentences(plan_grammar([listed], inputs=["INPUT", "people"]))
    assert ' in="$INPUT">' not in sentences(plan_grammar([listed], inputs=["INPUT", "people"]))


class Stored(TypedDict):
    _id: str
    name: str


def test_private_fields_and_dotted_names_are_left_out() -> None:
    find = KernelFunction("S", "find", nothing, declared_returns=Stored)
    dotted = Parameter("filter.name", str, default=None)
    show = KernelFunction("S", "show", nothing, declared_parameters=(Parameter("text", str), dotted))
    said = sentences(plan_grammar([find, show], inputs=[]))
    assert "$STORED1.name" in said
    assert "_id" not in said
    assert "filter" not in said


def test_fields_of_records_can_be_referred_to_where_their_types_fit() -> None:
    find = KernelFunction("S", "find", nothing, declared_parameters=(), declared_returns=Flight)
    pay = KernelFunction("S", "pay", nothing, declared_parameters=(Parameter("amount", float),))
    text = sentences(plan_grammar([find, pay], inputs=[]))
    assert 'amount="$FLIGHT1.price"' in text
    assert 'amount="$FLIGHT1.stops"' not in text


def test_a_record_that_may_be_missing_has_no_fields_to_refer_to() -> None:
    find = KernelFunction("S", "find", nothing, declared_parameters=(), declared_returns=Order | None)
    pay = KernelFunction("S", "pay", nothing, declared_parameters=(Parameter("amount", int),))
    assert "ORDER" not in plan_grammar([find, pay])


def test_whatever_repeats_has_an_end() -> None:
    say = KernelFunction(
        "S", "say", nothing, declared_parameters=(Parameter("a", str), Parameter("b", list[str]))
    )
    rules = Grammar(plan_grammar([say])).rules
    assert max(repeat.high for rule in rules.values() for repeat in repeats(rule)) == 600
    assert not any(mark in plan_grammar([say]) for mark in (")*", "text-char*", "char*"))


@pytest.mark.parametrize("count", [1, 20, 100, 400])
def test_its_size_is_bounded_by_the_number_of_functions(count: int) -> None:
    made = [
        KernelFunction(
            "Skill",
            f"function{number}",
            nothing,
            declared_parameters=(Parameter("text", str), Parameter("number", int)),
            declared_returns=GIVEN[number % len(GIVEN)],
        )
        for number in range(count)
    ]
    assert len(plan_grammar(made)) < 550_000


def test_names_of_inputs_are_never_taken_for_variables() -> None:
    echo = KernelFunction(
        "S", "echo", nothing, declared_parameters=(Parameter("text", str),), declared_returns=str
    )
    assert 'setContextVariable=\\"V_TEXT1\\"' in plan_grammar([echo], ["Text1"])


def test_it_is_made_once_for_the_same_functions_and_anew_for_others_of_the_same_name() -> None:
    def function(taken: Any) -> KernelFunction:
        return KernelFunction("S", "f", nothing, declared_parameters=(Parameter("x", taken),))

    one, other = function(int), function(bool)
    assert plan_grammar([one]) is plan_grammar([one])
    assert plan_grammar([one]) != plan_grammar([other])
    assert plan_grammar([one]) != plan_grammar([one], ["INPUT", "CITY"])


STRANGE: list[tuple[Any, dict[str, Any]]] = [
    (list[str], {"type": "array", "items": {"type": ["string", "null"]}}),
    (list[str], {"type": "array", "items": True}),
    (list[str], {"type": "array", "items": ["string"]}),
    (int, {"type": "integer", "minimum": "0"}),
    (int, {"type": "integer", "exclusiveMinimum": None}),
    (int, {"type": "integer", "minimum": 0, "exclusiveMaximum": True}),
    (int, {"type": "integer", "minimum": 10**400}),
    (int, {"type": "integer", "minimum": float("inf"), "maximum": 5}),
    (int | None, {"anyOf": None, "minimum": 1}),
    (int | None, {"anyOf": [True, {"type": "null"}]}),
]


@pytest.mark.parametrize(("taken", "schema"), STRANGE)
def test_a_strange_schema_of_someone_else_breaks_no_planning(taken: Any, schema: dict[str, Any]) -> None:
    strange = Parameter("x", taken, json_schema=lambda: dict(schema))
    made = [KernelFunction("S", "f", nothing, declared_parameters=(strange,))]
    grammar = Grammar(plan_grammar(made))
    for seed in range(20):
        text = grammar.sample(random.Random(seed))
        assert text == "<plan/>" or Plan.parse(text, kernel_of(made))
    assert plan_schema(made)["type"] == "object"


def test_a_range_between_fractions_has_every_whole_number_in_it() -> None:
    taken = Parameter("x", int, json_schema=lambda: {"exclusiveMinimum": 0.5, "maximum": 3.5})
    assert literal_rule(taken) == '("1" | "2" | "3")'
