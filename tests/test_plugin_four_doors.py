"""The sample with four doors: one plan, steps at the same time, and the same plan when a model writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("semantic_kernel", reason="semantic-kernel is not installed; make test-doors has it")

from planloom.services import ScriptedService

SAMPLES = Path(__file__).parent.parent / "samples"


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(SAMPLES))
    import four_doors

    yield four_doors
    for name in [name for name in sys.modules if name == "four_doors" or name.split(".")[0] == "doors"]:
        del sys.modules[name]


@pytest.mark.parametrize("writes", ["a person", "a model"])
def test_one_plan_goes_through_four_doors_at_once(
    sample: ModuleType, capsys: pytest.CaptureFixture[str], writes: str
) -> None:
    service = ScriptedService([f"Here it is:\n{sample.PLAN}<!-- END -->"]) if writes == "a model" else None
    result = sample.main(service)
    assert result.text.endswith("The sky is clear, and 40500 JPY are for lunch.")
    # Tokyo is eight hours ahead of Oslo in winter, seven in summer
    assert any(f"T{hour}:00:00+09:00" in result.text for hour in (16, 17))
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    events = [words for words in told if words[:1] in (["started"], ["finished"])]
    first_end = next(place for place, (kind, _) in enumerate(events) if kind == "finished")
    assert {name for _, name in events[:first_end]} == {
        "Weather.forecast",
        "Clock.convert_time",
        "Budget.convert",
    }
    assert events[-1] == ["finished", "Team.invite"]
