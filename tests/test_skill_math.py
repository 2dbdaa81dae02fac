from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planloom.errors import ArgumentError, DivisionByZeroError, EmptyListError, SkillError
from planloom.skills import MathSkill
from planloom.skills.arithmetic import Number

math = MathSkill()


def same(found: object, expected: object) -> bool:
    return found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (math.add(2, 3), 5),
        (math.add(0.5, 1), 1.5),
        (math.add(Decimal("0.1"), Decimal("0.2")), Decimal("0.3")),
        (math.add(Decimal("0.1"), 0.2), Decimal("0.3")),
        (math.add(1, Decimal("0.2")), Decimal("1.2")),
        (math.subtract(2, 3), -1),
        (math.multiply(6, 7), 42),
        (math.multiply(Decimal("1.10"), 3), Decimal("3.30")),
        (math.divide(6, 4), 1.5),
        (math.divide(Decimal(1), 4), Decimal("0.25")),
        (math.sum([1, 2, 3]), 6),
        (math.sum([]), 0),
        (math.sum([0.1] * 10), 1.0),
        (math.sum([Decimal("0.1"), 0.2, 1]), Decimal("1.3")),
        (math.average([1, 2]), 1.5),
        (math.average([Decimal("0.1"), Decimal("0.3")]), Decimal("0.2")),
        (math.min([3, 1.5, Decimal(2)]), 1.5),
        (math.max([3, 1.5, Decimal(2)]), 3),
    ],
)
def test_reckoning_keeps_the_type(found: object, expected: object) -> None:
    assert same(found, expected)


@pytest.mark.parametrize(
    ("number", "digits", "expected"),
    [
        (2.5, 0, 3),
        (-2.5, 0, -3),
        (3.5, 0, 4),
        (2.675, 2, 2.68),
        (1.0, 2, 1.0),
        (7, 2, 7),
        (150, -2, 200),
        (149.9, -2, 100),
        (Decimal("0.125"), 2, Decimal("0.13")),
        (Decimal("150"), -2, Decimal("200")),
        (1e300, 2, 1e300),
        (10**300, 0, 10**300),
    ],
)
def test_rounding_is_as_taught_at_school(number: Number, digits: int, expected: Number) -> None:
    found = math.round(number, digits)
    assert same(found, expected)
    assert str(found) == str(expected)


@pytest.mark.parametrize("digits", [16, -16, 10**9])
def test_rounding_has_bounds(digits: int) -> None:
    with pytest.raises(ArgumentError, match="from -15 to 15"):
        math.round(1.5, digits)


@pytest.mark.parametrize(
    ("input", "zero"), [(1, 0), (0, 0), (1.5, 0.0), (Decimal(1), 0), (Decimal(0), Decimal(0))]
)
def test_division_by_zero_is_named(input: Number, zero: Number) -> None:
    with pytest.raises(DivisionByZeroError, match=r"Math.divide cannot divide by zero"):
        math.divide(input, zero)


@pytest.mark.parametrize("call", [math.average, math.min, math.max])
def test_an_empty_list_has_none_of_these(call: Any) -> None:
    with pytest.raises(EmptyListError, match="the list is empty"):
        call([])


HUGE = pytest.param(10**5000, id="of more digits than Python writes")


@pytest.mark.parametrize("bad", ["3", True, None, [1], float("nan"), float("inf"), Decimal("nan"), HUGE])
def test_what_is_no_finite_number_is_refused(bad: Any) -> None:
    with pytest.raises(ArgumentError, match=r"Math.add: argument 'input' holds"):
        math.add(bad, 1)
    with pytest.raises(ArgumentError, match=r"Math.multiply: argument 'factor' holds"):
        math.multiply(1, bad)
    with pytest.raises(ArgumentError, match=r"Math.sum: argument 'items' holds"):
        math.sum([1, bad])


@pytest.mark.parametrize(
    ("left", "right"),
    [(1e308, 10), (10**3000, 10**3000), (10**400, 0.5), (Decimal("1e999999"), Decimal("1e999999"))],
)
def test_a_result_that_is_too_large_is_named(left: Number, right: Number) -> None:
    with pytest.raises(SkillError, match="too large"):
        math.multiply(left, right)


def test_division_of_huge_whole_numbers_is_named() -> None:
    with pytest.raises(SkillError, match="too large"):
        math.divide(10**3000, 1)


NUMBERS = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
)


@given(st.lists(NUMBERS, max_size=5), NUMBERS, st.integers(-20, 20))
def test_any_numbers_give_a_number_or_a_named_error(items: list[Number], other: Number, digits: int) -> None:
    pairwise = [math.add, math.subtract, math.multiply, math.divide]
    over_a_list = [math.sum, math.average, math.min, math.max]
    calls: list[Callable[[], object]] = [
        *(partial(call, other, other) for call in pairwise),
        *(partial(call, items) for call in over_a_list),
        partial(math.round, other, digits),
    ]
    for call in calls:
        try:
            assert isinstance(call(), Number)
        except (SkillError, ArgumentError):
            continue


@given(st.integers(-(10**6), 10**6), st.integers(0, 6))
def test_rounding_moves_a_number_by_at_most_half_a_step(thousandths: int, digits: int) -> None:
    number = Decimal(thousandths).scaleb(-3)
    found = math.round(number, digits)
    assert isinstance(found, Decimal)
    assert abs(found - number) <= Decimal("0.5").scaleb(-digits)
