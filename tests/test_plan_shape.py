"""When two plans are the same plan, and how near a wrong one comes."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from planloom import Kernel, kernel_function
from planloom.planners.evaluation.plan_score import score
from planloom.planners.evaluation.plan_shape import PlanShape, shape_of
from planloom.planners.plan import Plan


class T:
    @kernel_function(effect="none")
    def up(self, text: str) -> str:
        """Capital letters."""
        return text.upper()

    @kernel_function(effect="none")
    def cut(self, text: str, at: int = 3) -> str:
        """Cut."""
        return text[:at]

    @kernel_function(effect="none")
    def glue(self, left: str, right: str) -> str:
        """Glue."""
        return left + right

    @kernel_function(effect="none")
    def split(self, text: str) -> list[str]:
        """Split."""
        return text.split()

    @kernel_function
    def send(self, text: Annotated[str, "What"], to: str) -> str:
        """Send."""
        return f"{to}: {text}"

    @kernel_function
    def store(self, text: str) -> None:
        """Store."""


def shape(body: str) -> PlanShape:
    kernel = Kernel()
    kernel.add_skill(T())
    return shape_of(Plan.parse(f"<plan>{body}</plan>", kernel).tree, kernel.functions)


SEND = '<function.T.up text="$INPUT" setContextVariable="A"/><function.T.send text="$A" to="Bob"/>'
UP = '<function.T.up text="a" setContextVariable="A"/>'
CUT = '<function.T.cut text="b" setContextVariable="B"/>'


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(SEND, SEND.replace('"A"', '"LOUD"').replace("$A", "${loud}"), id="names of variables"),
        pytest.param(SEND, SEND.replace('"Bob"', '" “bob.” "'), id="case, quotes and stops"),
        pytest.param(SEND, '<function.T.up/><function.T.send to="Bob"/>', id="what may be left out"),
        pytest.param('<function.T.cut text="x"/>', '<function.T.cut text="x" at="3"/>', id="a default"),
        pytest.param('<function.T.cut text="x" at="7"/>', '<function.t.CUT input="x" at="07"/>', id="types"),
        pytest.param(
            UP + CUT + '<function.T.glue left="$A" right="$B"/>',
            CUT + UP + '<function.T.glue left="$A" right="$B"/>',
            id="order of free steps",
        ),
        pytest.param(
            '<ask setContextVariable="WHO" question="Who?"/><function.T.send text="x" to="$WHO"/>',
            '<ask setContextVariable="PERSON" question="To whom?"/><function.T.send text="x" to="$PERSON"/>',
            id="how it is asked",
        ),
    ],
)
def test_same(one: str, other: str) -> None:
    assert shape(one).whole == shape(other).whole
    assert shape(one).structure == shape(other).structure
    assert shape(one).arguments == shape(other).arguments


@pytest.mark.parametrize(
    ("one", "other", "same_structure"),
    [
        pytest.param(SEND, SEND.replace("Bob", "Carol"), True, id="a literal"),
        pytest.param(SEND, SEND.replace('text="$A"', 'text="$INPUT"'), False, id="an edge"),
        pytest.param(SEND, SEND.replace("T.up", "T.cut"), False, id="a function"),
        pytest.param(SEND, SEND + '<function.T.up text="b"/>', False, id="one call more"),
        pytest.param(SEND, SEND.replace("$A", "Say: $A"), True, id="text around"),
        pytest.param(
            '<function.T.up text="a" setContextVariable="A"/><function.T.glue left="$A" right="$A"/>',
            '<function.T.up text="a" setContextVariable="A"/><function.T.up text="a" setContextVariable="B"/>'
            '<function.T.glue left="$A" right="$B"/>',
            False,
            id="calling once or twice",
        ),
        pytest.param(SEND, f'<if condition="$X == 1">{SEND}</if>', True, id="a condition"),
        pytest.param(
            '<function.T.split text="$INPUT" setContextVariable="L"/>'
            '<foreach item="I" in="$L"><function.T.up text="$I"/></foreach>',
            '<function.T.split text="$INPUT" setContextVariable="L"/><function.T.up text="$L[0]"/>',
            True,
            id="a loop",
        ),
    ],
)
def test_different(one: str, other: str, same_structure: bool) -> None:
    assert shape(one).whole != shape(other).whole
    assert (shape(one).structure == shape(other).structure) is same_structure


def test_a_loop_reads_the_same_under_other_names() -> None:
    loop = (
        '<function.T.split text="$INPUT" setContextVariable="{0}"/><foreach item="{1}" in="${0}">'
        '<function.T.up text="${1}" setContextVariable="{2}"/></foreach>'
        '<function.T.send text="${2}[0]" to="x"/>'
    )
    assert shape(loop.format("L", "I", "UPS")).whole == shape(loop.format("PARTS", "PART", "BIG")).whole


class TestScore:
    @pytest.mark.parametrize(
        ("plan", "expected"),
        [
            (SEND, (1.0, 1.0, True, True, True)),
            (SEND.replace("Bob", "Al"), (1.0, 1.0, True, False, False)),
            ('<function.T.up text="$INPUT"/>', (1.0, 0.5, False, False, False)),
            (SEND + '<function.T.cut text="q"/>', (2 / 3, 1.0, False, False, False)),
        ],
    )
    def test_against_one(self, plan: str, expected: tuple[Any, ...]) -> None:
        found = score(shape(plan), [shape(SEND)])
        assert (found.precision, found.recall, found.structure, found.arguments, found.whole) == (
            pytest.approx(expected[0]),
            *expected[1:],
        )

    def test_the_nearest_gold_counts(self) -> None:
        gold = [shape('<function.T.cut text="q"/>'), shape(SEND)]
        assert score(shape(SEND), gold).whole

    def test_impossible_goals_want_no_calls(self) -> None:
        assert score(PlanShape(), [PlanShape()]).whole
        assert score(shape(SEND), [PlanShape()]).f1 == 0
        assert score(PlanShape(), [shape(SEND)]).f1 == 0

    def test_order_of_writes_counts_when_asked(self) -> None:
        one, other = '<function.T.send text="a" to="b"/>', '<function.T.store text="c"/>'
        assert score(shape(one + other), [shape(other + one)]).whole
        assert not score(shape(one + other), [shape(other + one)], ordered=True).whole
        assert score(shape(one + other), [shape(one + other)], ordered=True).whole
