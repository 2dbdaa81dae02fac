"""What ``make demo`` shows."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from typing import Any

import pytest

from planloom.services import ScriptedService

SAMPLES = Path(__file__).parent.parent / "samples"
PLAN = """<plan>
  <function.Emailer.getEmailAddress recipient="Steven" setContextVariable="TO"/>
  <function.Emailer.sendEmail emailAddress="$TO" message="$INPUT" subject="$subject"/>
</plan>"""


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SAMPLES))
    return importlib.import_module("demo").demo


def test_the_demo_shows_the_models_own_plan(demo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(demo(ScriptedService([PLAN])))
    printed = capsys.readouterr().out
    assert PLAN in printed
    assert "Checked    2 steps, no faults; it needs $INPUT, $subject" in printed
    assert "Step 1     Emailer.getEmailAddress gave 'codeking@example.com'" in printed
    assert printed.endswith("Hello Steven, the new release is out, and you should see it.\n")
    assert "\033" not in printed


@pytest.mark.local_model
def test_the_demo_on_the_embedded_model(demo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(demo())
    printed = capsys.readouterr().out
    assert "To: codeking@example.com\nSubject: Release\n\nHello Code King, the new release" in printed
