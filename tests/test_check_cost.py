"""Checking stays bounded on plans made to be slow: faults are counted, and chains of conditions are cut."""

from __future__ import annotations

import pytest

from planloom import Kernel, kernel_function
from planloom.planners import Plan, PlanError


class Texts:
    @kernel_function(effect="none")
    def same(self, text: str) -> str:
        return text


@pytest.fixture
def kernel() -> Kernel:
    kernel = Kernel()
    kernel.add_skill(Texts())
    return kernel


def errors_of(kernel: Kernel, text: str, inputs: list[str] | None = None) -> PlanError:
    with pytest.raises(PlanError) as caught:
        Plan.parse(text, kernel, inputs=inputs)
    return caught.value


def test_a_plan_of_faults_lists_a_hundred_and_says_that_there_are_more(kernel: Kernel) -> None:
    unknown = "".join(f"<function.Texts.none{n}/>" for n in range(4_000))
    found = errors_of(kernel, f"<plan>{unknown}</plan>").errors
    assert [item.code for item in found] == ["unknown-function"] * 100 + ["limit-exceeded"]
    assert "more errors than these 100" in found[-1].message


def test_only_the_first_faults_look_for_similar_names(kernel: Kernel) -> None:
    unknown = "".join(f"<function.Texts.sam{n}/>" for n in range(30))
    hints = [item.hint for item in errors_of(kernel, f"<plan>{unknown}</plan>").errors]
    assert ["did you mean" in hint for hint in hints] == [True] * 10 + [False] * 20


def test_one_argument_full_of_unknown_names_stops_at_a_hundred(kernel: Kernel) -> None:
    text = " ".join(f"$N{n}" for n in range(20_000))
    found = errors_of(kernel, f'<plan><function.Texts.same text="{text}"/></plan>', ["INPUT"]).errors
    assert len(found) == 101


def test_a_value_that_one_of_very_many_conditions_may_set_is_refused(kernel: Kernel) -> None:
    maybe = '<if condition="$C"><function.Texts.same text="x" setContextVariable="A"/></if>'
    last = '<function.Texts.same text="$A"/>'
    assert Plan.parse(f"<plan>{maybe * 60}{last}</plan>", kernel).warnings
    found = errors_of(kernel, f"<plan>{maybe * 70}{last}</plan>").errors
    assert [item.code for item in found] == ["limit-exceeded"]


def test_a_definite_setting_ends_the_chain_of_conditions(kernel: Kernel) -> None:
    maybe = '<if condition="$C"><function.Texts.same text="x" setContextVariable="A"/></if>'
    set_first = '<function.Texts.same text="x" setContextVariable="A"/>'
    plan = Plan.parse(f'<plan>{maybe * 70}{set_first}<function.Texts.same text="$A"/></plan>', kernel)
    assert not plan.warnings
