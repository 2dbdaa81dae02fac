"""``MathSkill``: reckoning with whole numbers, floats and decimals."""

from __future__ import annotations

import operator
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Annotated

from planloom.decorator import kernel_function
from planloom.errors import ArgumentError, DivisionByZeroError, EmptyListError
from planloom.skills.arithmetic import Number, check_number, compute, mean, total

__all__ = ["MathSkill"]

Numbers = Annotated[list[Number], "The numbers"]

# Holds every float to the last digit that round() may be asked for.
ROUNDING = Context(prec=400, rounding=ROUND_HALF_UP)
MOST_DIGITS = 15


class MathSkill:
    """Adds, subtracts, multiplies, divides, compares and rounds numbers.

    Whole numbers stay whole except in a division; a Decimal with a float or an int gives a Decimal.
    """

    skill_name = "Math"

    @kernel_function(effect="none")
    def add(
        self, input: Annotated[Number, "The first number"], amount: Annotated[Number, "What to add"]
    ) -> Number:
        """Add two numbers."""
        return compute("Math.add", operator.add, *_pair("Math.add", input, "amount", amount))

    @kernel_function(effect="none")
    def subtract(
        self, input: Annotated[Number, "The first number"], amount: Annotated[Number, "What to take away"]
    ) -> Number:
        """Subtract the second number from the first."""
        return compute("Math.subtract", operator.sub, *_pair("Math.subtract", input, "amount", amount))

    @kernel_function(effect="none")
    def multiply(
        self, input: Annotated[Number, "The first number"], factor: Annotated[Number, "The second number"]
    ) -> Number:
        """Multiply two numbers."""
        return compute("Math.multiply", operator.mul, *_pair("Math.multiply", input, "factor", factor))

    @kernel_function(effect="none")
    def divide(
        self,
        input: Annotated[Number, "The number to divide"],
        divisor: Annotated[Number, "What to divide it by; not 0"],
    ) -> Number:
        """Divide the first number by the second.

        Raises:
            DivisionByZeroError: ``divisor`` is 0.
        """
        whole, parts = _pair("Math.divide", input, "divisor", divisor)
        if parts == 0:
            raise DivisionByZeroError(
                "Math.divide", "cannot divide by zero. Check the divisor with an <if> first."
            )
        return compute("Math.divide", operator.truediv, whole, parts)

    @kernel_function(effect="none")
    def sum(self, items: Numbers) -> Number:
        """Add up a list of numbers; an empty list gives 0."""
        return total("Math.sum", _checked("Math.sum", items))

    @kernel_function(effect="none")
    def average(self, items: Numbers) -> Number:
        """The mean of a list of numbers.

        Raises:
            EmptyListError: the list is empty.
        """
        return mean("Math.average", _checked("Math.average", items))

    @kernel_function(effect="none")
    def min(self, items: Numbers) -> Number:
        """The smallest of a list of numbers.

        Raises:
            EmptyListError: the list is empty.
        """
        return min(_filled("Math.min", items))

    @kernel_function(effect="none")
    def max(self, items: Numbers) -> Number:
        """The largest of a list of numbers.

        Raises:
            EmptyListError: the list is empty.
        """
        return max(_filled("Math.max", items))

    @kernel_function(effect="none")
    def round(
        self,
        input: Annotated[Number, "The number"],
        digits: Annotated[int, "Digits to keep after the point; -2 rounds to hundreds"] = 0,
    ) -> Number:
        """Round a number as taught at school: 2.5 gives 3, and -2.5 gives -3.

        A float rounded to no digits becomes a whole number.

        Raises:
            ArgumentError: ``digits`` is not from -15 to 15.
        """
        if not -MOST_DIGITS <= digits <= MOST_DIGITS:
            raise ArgumentError(
                "Math.round", "digits", f"is {digits}; it must be from {-MOST_DIGITS} to {MOST_DIGITS}"
            )
        return compute("Math.round", lambda number: _round(number, digits), *_checked("Math.round", [input]))


def _round(number: Number, digits: int) -> Number:
    # Decimal(str(…)): 2.675 means the number that a reader sees, not the binary one a little below it.
    exact = Decimal(str(number)).quantize(Decimal(1).scaleb(-digits), context=ROUNDING)
    if digits < 0:
        exact = exact.quantize(Decimal(1), context=ROUNDING)  # 2E+2 is 200
    if isinstance(number, Decimal):
        return exact
    return float(exact) if isinstance(number, float) and digits > 0 else int(exact)


def _pair(function: str, input: object, name: str, second: object) -> tuple[Number, Number]:
    return check_number(function, "input", input), check_number(function, name, second)


def _checked(function: str, items: list[Number]) -> list[Number]:
    return [check_number(function, "items", item) for item in items]


def _filled(function: str, items: list[Number]) -> list[Number]:
    if not items:
        raise EmptyListError(function, "needs at least one number; the list is empty.")
    return _checked(function, items)
