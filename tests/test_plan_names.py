"""What is told of a call uses the names that plans use, also where Python needs others."""

from __future__ import annotations

import pytest

from planloom import Kernel, kernel_function
from planloom.planners import Event, Executor, Plan, StepError, StepStarted


class Text:
    @kernel_function(effect="none")
    def replace(self, input: str, from_: str, to: str) -> str:
        if not from_:
            raise ValueError("nothing to replace")
        return input.replace(from_, to)

    @kernel_function(effect="none")
    def upper(self, input: str) -> str:
        return input.upper()


PLAN = """
<plan>
  <function.Text.replace input="a b" from="$what" to="c" setContextVariable="X"/>
  <function.Text.upper input="$X"/>
</plan>
"""
REPLACED = {"input": "a b", "from": "b", "to": "c"}


@pytest.fixture
def kernel() -> Kernel:
    kernel = Kernel()
    kernel.add_skill(Text())
    return kernel


def test_events_and_records_say_from(kernel: Kernel) -> None:
    events: list[Event] = []
    executor = Executor(kernel, listeners=[events.append])
    result = executor.run_sync(Plan.parse(PLAN, kernel), {"what": "b"})
    assert result.text == "A C"
    started = [event.arguments for event in events if isinstance(event, StepStarted)]
    assert started == [record.arguments for record in result.steps] == [REPLACED, {"input": "a c"}]


def test_errors_say_from(kernel: Kernel) -> None:
    with pytest.raises(StepError) as caught:
        Executor(kernel).run_sync(Plan.parse(PLAN, kernel), {"what": ""})
    assert caught.value.arguments == REPLACED | {"from": ""}
