"""Every sample runs with a scripted model and prints what its text promises."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from markdown import blocks
from planloom.errors import ServiceAuthError
from planloom.services import ScriptedService
from virtual_time import run_virtual

SAMPLES = Path(__file__).parent.parent / "samples"
LONGEST = 120
Load = Callable[[str], ModuleType]
CLASSIC = """<plan>
  <function.Names.getNickName name="Steven" setContextVariable="NICKNAME"/>
  <function.StringFunctions.stringReplace input="$INPUT" from="Steven" to="$NICKNAME"
      setContextVariable="TEXT"/>
  <function.Emailer.getEmailAddress recipient="Steven" setContextVariable="ADDRESS"/>
  <function.Emailer.sendEmail emailAddress="$ADDRESS" message="$TEXT" subject="$subject"/>
</plan>"""


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    monkeypatch.syspath_prepend(str(SAMPLES))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == SAMPLES:
            del sys.modules[name]


def test_email_nickname(sample: Load, capsys: pytest.CaptureFixture[str]) -> None:
    sample("email_nickname").main(ScriptedService([CLASSIC]))
    printed = capsys.readouterr().out
    assert "4. Emailer.sendEmail gave 'sent to codeking@example.com" in printed
    assert printed.endswith("\n\nHello Code King, the new release is out, and you should see it.\n")


@pytest.mark.local_model
def test_email_nickname_with_the_embedded_model(sample: Load, capsys: pytest.CaptureFixture[str]) -> None:
    sample("email_nickname").main()
    printed = capsys.readouterr().out
    shown = [block.text for block in blocks(SAMPLES.parent / "README.md") if block.has("email_nickname.py")]
    assert [printed] == shown


def test_joke(sample: Load, capsys: pytest.CaptureFixture[str]) -> None:
    service = ScriptedService(["他们忘了台词。", "观众先笑了。"])
    sample("joke").main(service)
    printed = capsys.readouterr().out
    assert "Called by name:\n他们忘了台词。" in printed
    assert printed.endswith("观众先笑了。\n")
    assert all("赵本山和宋丹丹要在2024年出一个小品" in request.text for request in service.requests)


def test_summarize_translate_send(sample: Load, capsys: pytest.CaptureFixture[str]) -> None:
    sample("summarize_translate_send").main(ScriptedService(["A museum opens.", "Un musée ouvre."]))
    printed = capsys.readouterr().out
    assert "[2] WriterSkill.Translate\nUn musée ouvre." in printed
    assert printed.endswith("To: ada@example.com\nSubject: News of the lighthouse\n\nUn musée ouvre.\n")


def test_parallel_research(sample: Load, capsys: pytest.CaptureFixture[str]) -> None:
    run_virtual(sample("parallel_research").compare())
    assert capsys.readouterr().out == (
        "all about history; all about prices; all about rivals\nall at once: 0.3 s, one by one: 0.6 s\n"
    )


def test_save_and_replay(sample: Load, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sample("save_and_replay").main(tmp_path)
    printed = capsys.readouterr().out
    assert "the same from JSON: True" in printed
    assert "sent to codeking@example.com: Greetings: Dear Code King: see you at noon" in printed
    assert "error[unknown-function]: there is no function Emailer.sendMail" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["greet.json", "greet.xml"]


def test_openai_server(sample: Load) -> None:
    main = sample("openai_server").main
    goal = ("http://localhost:8000/v1", "some-model", "Send Ada an e-mail that says hello")
    plan = '<plan><function.Emailer.sendEmail emailAddress="ada@example.com" message="hello"/></plan>'
    assert "sent to ada@example.com: (no subject): hello" in main(goal, ScriptedService([plan]))
    refused = main(goal, ScriptedService([ServiceAuthError("server", "the key is wrong")]))
    assert refused == "ServiceAuthError: server: the key is wrong"
    assert main(()) == "usage: python openai_server.py BASE_URL MODEL GOAL"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_a_sample_is_short_and_says_what_it_shows(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert ast.get_docstring(ast.parse(text))


def test_the_readme_lists_every_sample() -> None:
    readme = (SAMPLES.parent / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in SAMPLES.glob("*.py")} - {"demo.py"}
    assert {name for name in names if name not in readme} == set()
