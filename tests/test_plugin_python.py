"""The Python door: modules, classes, objects and callables as they are."""

from __future__ import annotations

import asyncio
import statistics
import textwrap
from typing import Annotated, Any

import pytest

from planloom import Kernel, kernel_function
from planloom.errors import ArgumentError, RegistrationError
from planloom.planners import Executor, Plan
from planloom.plugins import python_skill


class Desk:
    """Sells tickets."""

    def __init__(self) -> None:
        self.sold = 0

    @property
    def broken(self) -> str:
        raise AssertionError("a property was run")

    def get_price(self, seat: Annotated[str, "Which seat"], /, row: int = 1) -> float:
        """What a seat costs."""
        return 10.0 * row + len(seat)

    async def sell(self, seat: str) -> str:
        """Sell a seat."""
        self.sold += 1
        return f"sold {seat}"

    @kernel_function(effect="none")
    def rules(self) -> str:
        return "no refunds"

    @staticmethod
    def many(*seats: str) -> int:
        return len(seats)

    def _secret(self) -> str:
        return "secret"


def test_the_public_methods_of_an_object_are_functions() -> None:
    kernel = Kernel()
    skill = kernel.add_skill(python_skill(Desk(), effects={"get*": "read"}))
    assert (skill.name, skill.description) == ("Desk", "Sells tickets.")
    effects = {name: function.effect for name, function in skill.functions.items()}
    assert effects == {"get_price": "read", "rules": "none", "sell": "write"}
    price = skill.functions["get_price"]
    assert price.signature() == "Desk.get_price(seat: str, row: int = 1)"
    assert (price.description, price.parameters[0].description) == ("What a seat costs.", "Which seat")
    plan = Plan.parse(
        '<plan><function.Desk.get_price seat="A1" row="3" setContextVariable="P"/>'
        '<function.Desk.sell seat="$P"/></plan>',
        kernel,
    )
    assert asyncio.run(Executor(kernel).run(plan)).text == "sold 32.0"


def test_modules_are_taken_by_what_they_list() -> None:
    kernel = Kernel()
    kernel.add_skill(python_skill(textwrap, include=["shorten", "dedent"], effects={"*": "none"}))
    assert set(kernel.functions) == {"textwrap.dedent", "textwrap.shorten"}
    assert kernel.invoke_sync("textwrap.shorten", text="a b c d e f g h", width=9) == "a b [...]"


def test_a_class_a_callable_and_a_mapping() -> None:
    assert "sell" in python_skill(Desk).functions
    assert list(python_skill(statistics.mean, "Stat").functions) == ["mean"]
    assert list(python_skill({"mean-of": statistics.mean}, "Stat").functions) == ["mean_of"]


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (Desk(), {"include": ["many"]}),
        (Desk(), {"include": ["nothing"]}),
        ({}, {}),
        (type("Needy", (), {"__init__": lambda self, x: None}), {}),
    ],
)
def test_what_cannot_be_called_by_name_is_a_named_error(source: object, options: dict[str, Any]) -> None:
    with pytest.raises(RegistrationError):
        python_skill(source, **options)


def test_arguments_are_checked_as_everywhere() -> None:
    kernel = Kernel()
    kernel.add_skill(python_skill(Desk()))
    with pytest.raises(ArgumentError):
        kernel.invoke_sync("Desk.get_price", seat="A", row="many")
    with pytest.raises(ArgumentError):
        kernel.invoke_sync("Desk.get_price", row=1)
