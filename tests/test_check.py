"""Checking: bounded on plans made to be slow, and exact about what conditions leave unset."""

from __future__ import annotations

import pytest

from planloom import Kernel, kernel_function
from planloom.planners import Executor, Plan, PlanError


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


def test_what_both_branches_set_is_set(kernel: Kernel) -> None:
    both = (
        '<if condition="$C"><if condition="$D"><function.Texts.same text="1" setContextVariable="A"/></if>'
        '<else><function.Texts.same text="2" setContextVariable="A"/></else></if>'
        '<else><function.Texts.same text="3" setContextVariable="A"/></else>'
    )
    assert not Plan.parse(f'<plan>{both}<function.Texts.same text="$A"/></plan>', kernel).warnings
    one = both.replace('<function.Texts.same text="2" setContextVariable="A"/>', "<function.Texts.same/>")
    (warning,) = Plan.parse(f'<plan>{one}<function.Texts.same text="$A"/></plan>', kernel).warnings
    assert warning.code == "undefined-variable"


def test_things_of_the_wrong_kind_are_told_what_is_right(kernel: Kernel) -> None:
    with pytest.raises(TypeError, match="read from text, not from int"):
        Plan.parse(5, kernel)  # type: ignore[arg-type]
    plan = Plan.parse("<plan><function.Texts.same/></plan>", kernel)
    with pytest.raises(TypeError, match=r"make one with Plan\.parse"):
        Executor(kernel).run_sync(str(plan))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="inputs are given by name"):
        Executor(kernel).run_sync(plan, "Hello")  # type: ignore[arg-type]
