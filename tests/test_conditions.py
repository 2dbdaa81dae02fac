"""Conditions: what can be written, what is refused, and how values are compared."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planloom.planners.errors import ConditionError, ConditionSyntaxError
from planloom.planners.language.comparison import compare
from planloom.planners.language.conditions import evaluate, parse_condition, references_in
from planloom.planners.language.expressions import (
    And,
    Comparison,
    Constant,
    Expression,
    Items,
    Not,
    Or,
    Variable,
)
from planloom.planners.language.references import Reference

A, B, C = (Variable(Reference(name)) for name in "ABC")
ONE = Constant(1)


def holds(condition: str, **values: object) -> bool:
    return evaluate(parse_condition(condition), lambda reference: values[reference.name])


class TestGrammar:
    @pytest.mark.parametrize(
        ("text", "tree"),
        [
            ("$A", A),
            ("${A}", A),
            ("$A.items[0]['x y'] == 1", Comparison("==", Variable(Reference("A", ("items", 0, "x y"))), ONE)),
            ("true", Constant(True)),
            ("FALSE", Constant(False)),
            ("None", Constant(None)),
            ("-1.5e3", Constant(-1500.0)),
            ("'it is \"x\"'", Constant('it is "x"')),
            ('"5 $$ and $5"', Constant("5 $ and $5")),
            ("$A>=1", Comparison(">=", A, ONE)),
            ("$A != $B", Comparison("!=", A, B)),
            ("$A in [1, 'x', $B]", Comparison("in", A, Items((ONE, Constant("x"), B)))),
            ("$A not in []", Comparison("not in", A, Items(()))),
            ("$A or $B and not $C", Or((A, And((B, Not(C)))))),
            ("($A OR $B) And $C", And((Or((A, B)), C))),
            ("not $A == 1", Not(Comparison("==", A, ONE))),
            ("not not $A", Not(Not(A))),
            ("(($A))", A),
            ("$A and $B and $C", And((A, B, C))),
            ("$A == ($B > 1)", Comparison("==", A, Comparison(">", B, ONE))),
            (" \n $A\t", A),
        ],
    )
    def test_trees(self, text: str, tree: Expression) -> None:
        assert parse_condition(text) == tree

    @pytest.mark.parametrize(
        ("text", "offset", "hint"),
        [
            ("", 0, "comparison"),
            ("$A >", 4, "comparison"),
            ("$A = 1", 3, "=="),
            ("$A === 1", 3, "=="),
            ("$A <> 1", 3, "!="),
            ("$A && $B", 3, "and"),
            ("$A || $B", 3, "or"),
            ("!$A", 0, "not"),
            ("$A equals 1", 3, "=="),
            ("$A is null", 3, "=="),
            ("$A contains 'x'", 3, "in"),
            ("$A gt 1", 3, ">"),
            ("len($A) > 1", 0, "called"),
            ("$A == big", 6, "'big'"),
            ("A == 1", 0, "$A"),
            ("$A + 1 == 2", 3, "arithmetic"),
            ("$A - 1", 3, "arithmetic"),
            ("1 < $A < 3", 7, "and"),
            ("$A == $B in $C", 9, "and"),
            ("$A $B", 3, "between"),
            ("$A and", 6, "comparison"),
            ("and $A", 0, "between"),
            ("($A", 3, "')'"),
            ("$A)", 2, "between"),
            ("$A in ('a', 'b')", 10, "['a', 'b']"),
            ("$A in {1}", 6, "['a', 'b']"),
            ("$A in [1 2]", 9, "','"),
            ("$A in [", 7, "comparison"),
            ("$A not $B", 3, "not in"),
            ("'abc", 0, "'…'"),
            ("'$A' == 'x'", 0, "without quotes"),
            ("'${' == 'x'", 1, "${NAME}"),
            ("$ == 1", 0, "$NAME"),
            ("$5 == 1", 0, "$NAME"),
            ("$A.__class__ == 1", 3, "public"),
            ("$A['x == 1", 2, "[0]"),
            ("$A.(x)", 2, "path"),
            ("5x == 1", 0, "quotes"),
            ("1e999 == 1", 0, "quotes"),
            ("9" * 50, 0, "quotes"),
            ("$A ; $B", 3, "references"),
            ("lambda: 1", 0, "called"),
            ("$A if $B else $C", 3, "'if'"),
        ],
    )
    def test_faults(self, text: str, offset: int, hint: str) -> None:
        with pytest.raises(ConditionSyntaxError) as caught:
            parse_condition(text)
        assert caught.value.offset == offset
        assert hint in caught.value.hint

    @pytest.mark.parametrize(
        "text", ["(" * 100_000, "(" * 60 + "$A" + ")" * 60, "not " * 1000 + "$A", "[" * 1000]
    )
    def test_deep_nesting_is_refused_by_name(self, text: str) -> None:
        with pytest.raises(ConditionSyntaxError, match=r"nested|characters"):
            parse_condition(text)

    def test_long_but_flat_is_fine(self) -> None:
        tree = parse_condition(" and ".join(["$A == 1"] * 400))
        assert len(references_in(tree)) == 400
        assert evaluate(tree, lambda reference: 1)

    def test_references_are_listed_from_left_to_right(self) -> None:
        tree = parse_condition("not ($B.x in [1, $A]) or $C and $B == null")
        assert references_in(tree) == (Reference("B", ("x",)), Reference("A"), Reference("C"), Reference("B"))

    @given(st.text(alphabet=st.sampled_from("$AB.[]()'\"<>=! andorti0149,_") | st.characters(), max_size=60))
    def test_any_text_is_a_condition_or_the_named_error(self, text: str) -> None:
        try:
            tree = parse_condition(text)
        except ConditionSyntaxError as error:
            assert 0 <= error.offset <= len(text)
            return
        try:
            assert isinstance(evaluate(tree, lambda reference: 1), bool)
        except ConditionError as error:
            assert str(error)


class Colour(Enum):
    RED = "red"


class TestEvaluation:
    @pytest.mark.parametrize(
        ("value", "truth"),
        [
            (True, True),
            (False, False),
            (None, False),
            (0, False),
            (0.5, True),
            (Decimal(0), False),
            ("", False),
            ("x", True),
            ("true", True),
            (" False ", False),
            ("0", True),
            ([], False),
            ([0], True),
            ({}, False),
            (Colour.RED, True),
        ],
    )
    def test_truth_of_a_value(self, value: object, truth: bool) -> None:
        assert holds("$A", A=value) is truth
        assert holds("not $A", A=value) is not truth

    def test_other_values_are_neither_true_nor_false(self) -> None:
        with pytest.raises(ConditionError, match="object"):
            holds("$A", A=object())

    @pytest.mark.parametrize(
        ("left", "right", "equal"),
        [
            (1, 1.0, True),
            ("1", 1, True),
            (" 1.0 ", 1, True),
            ("1_0", 10, False),
            ("x", 1, False),
            ("1", "1.0", False),
            (True, 1, False),
            (True, "true", True),
            (False, "no", False),
            (None, None, True),
            (None, "", False),
            (None, 0, False),
            (0.1, Decimal("0.1"), True),
            ("0.1", Decimal("0.1"), True),
            ([1, "a"], (1, "a"), True),
            ([1], [1, 2], False),
            ([1], "1", False),
            ({"a": 1}, {"a": 1}, True),
            (Colour.RED, "red", True),
            ([Colour.RED], ["red"], True),
            (date(2024, 1, 1), "2024-01-01", True),
            (date(2024, 1, 1), "soon", False),
            (date(2024, 1, 1), datetime(2024, 1, 1), False),
        ],
    )
    def test_equality(self, left: object, right: object, equal: bool) -> None:
        assert holds("$A == $B", A=left, B=right) is equal
        assert holds("$B == $A", A=left, B=right) is equal
        assert holds("$A != $B", A=left, B=right) is not equal

    @pytest.mark.parametrize(
        ("condition", "truth"),
        [
            ("2 < 10", True),
            ("'2' < 10", True),
            ("10 >= '2.5'", True),
            ("'apple' < 'banana'", True),
            ("'2024-02-01' > '2024-01-31'", True),
            ("1.5 <= 1.5", True),
            ("'a' in 'cat'", True),
            ("'x' not in 'cat'", True),
            ("'2' in [1, 2]", True),
            ("2 in []", False),
            ("1 == 2 or 3 == 3", True),
        ],
    )
    def test_literals(self, condition: str, truth: bool) -> None:
        assert holds(condition) is truth

    @pytest.mark.parametrize(
        ("left", "operator", "right", "truth"),
        [
            (date(2024, 1, 1), "<", "2024-01-02", True),
            (Decimal("1.5"), ">", 1.4, True),
            ("k", "in", {"k": 1}, True),
            (["k"], "in", {"k": 1}, False),
            (1, "in", {1, 2}, True),
            (Colour.RED, "in", ["red"], True),
        ],
    )
    def test_other_types(self, left: object, operator: str, right: object, truth: bool) -> None:
        assert holds(f"$A {operator} $B", A=left, B=right) is truth

    @pytest.mark.parametrize(
        ("left", "operator", "right"),
        [
            ("ten", "<", 5),
            ("10", "<", "9"),
            (None, "<", 5),
            (True, "<", 5),
            ([1], "<", [2]),
            ({}, ">", 1),
            (date(2024, 1, 1), "<", "soon"),
            (datetime(2024, 1, 1), "<", datetime(2024, 1, 1, tzinfo=UTC)),
            (date(2024, 1, 1), "<", datetime(2024, 1, 1)),
            (5, "in", "5 apples"),
            ("x", "in", None),
            ("x", "in", 5),
        ],
    )
    def test_what_cannot_be_compared(self, left: object, operator: str, right: object) -> None:
        with pytest.raises(ConditionError):
            holds(f"$A {operator} $B", A=left, B=right)

    def test_a_comparison_without_an_answer_is_refused(self) -> None:
        class Odd:
            def __eq__(self, other: object) -> object:  # type: ignore[override]
                return NotImplemented if other is None else [True]

        with pytest.raises(ConditionError, match="Odd"):
            compare("==", Odd(), Odd())

    def test_values_that_contain_themselves_are_refused_by_name(self) -> None:
        left: list[object] = []
        right: list[object] = []
        left.append(left)
        right.append(right)
        with pytest.raises(ConditionError, match="deep"):
            compare("==", left, right)

    def test_nothing_is_looked_up_beyond_what_decides(self) -> None:
        assert holds("$A == 1 or $MISSING", A=1)
        assert not holds("$A == 2 and $MISSING", A=1)

    def test_what_the_lookup_raises_passes_through(self) -> None:
        with pytest.raises(KeyError):
            holds("$A == 1")

    @given(st.integers() | st.floats(allow_nan=False, allow_infinity=False), st.integers())
    def test_numbers_compare_as_in_python(self, left: float, right: int) -> None:
        for operator, expected in (("<", left < right), ("==", left == right), (">=", left >= right)):
            assert holds(f"$A {operator} $B", A=left, B=right) is expected
