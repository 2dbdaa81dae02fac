"""Every block of Python, every command and every output in the README and the docs is run and compared."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from markdown import Block, blocks
from planloom import Kernel, services
from planloom.cli import main
from planloom.cli.skills import add_skills
from planloom.planners import Plan, PlanError
from planloom.planners.language.diagnostic import CODES
from planloom.services import ScriptedService

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LANGUAGES = {"python", "console", "text", "xml", "json", "jinja2", "mermaid", "toml"}
NOT_OURS = ("make", "git", "pip", "python", "cat")
PRICES = re.compile(r"\b\d+\.\d+ s\b|\b\d+ tokens\b")


class Substitute(ScriptedService):
    """Stands for any model service, however it is made."""

    answers: Sequence[str] = ()

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__(self.answers)


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder with the samples' skills, and models replaced by scripts."""
    shutil.copy(ROOT / "samples" / "my_skills.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    for name in ("LlamaService", "OpenAIService"):
        monkeypatch.setattr(services, name, Substitute, raising=False)
    yield tmp_path
    sys.modules.pop("my_skills", None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_does_what_it_says(page: Path, workshop: Path) -> None:
    names: dict[str, Any] = {}
    printed = ""
    for block in blocks(page):
        Substitute.answers = block.noted("model")
        where = f"{block.page}:{block.line}"
        assert block.language in LANGUAGES, where
        if any(find_spec(package) is None for package in block.noted("needs")):
            continue
        if block.has("file"):
            file = workshop / block.noted("file")[0]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.has("output"):
            assert alike(block.text) == alike(printed), where
        elif block.language == "python" and not block.has("shown"):
            names, printed = run_python(block, names, workshop)
        elif block.language == "console" and not block.has("shown"):
            run_console(block)


def run_python(block: Block, names: dict[str, Any], folder: Path) -> tuple[dict[str, Any], str]:
    """What the block defines, on top of what earlier blocks of the page did, and what it prints."""
    script = folder / f"line_{block.line}_of_{Path(block.page).stem}.py"
    script.write_text("\n" * (block.line - 1) + block.text, encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        defined = runpy.run_path(str(script), init_globals=names, run_name="__main__")
    return {name: value for name, value in defined.items() if not name.startswith("__")}, out.getvalue()


def run_console(block: Block) -> None:
    for command, shown in transcripts(block.text):
        if command.startswith(NOT_OURS):
            continue
        said = run_command(command)
        assert matches(alike(shown), alike(said)), f"{block.page}:{block.line}: {command} said\n{said}"


def transcripts(text: str) -> Iterator[tuple[str, str]]:
    """Commands after ``$``, continued by a backslash, each with the lines that follow it."""
    for part in ("\n" + text).split("\n$ ")[1:]:
        command, _, shown = part.replace("\\\n", " ").partition("\n")
        yield command, shown


def run_command(command: str) -> str:
    """What a command of planloom's says on both streams, and its exit code if it failed."""
    arguments = shlex.split(command, comments=True)
    assert arguments[0] == "planloom", command
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(arguments[1:])
    return said.getvalue() + (f"(exit code {code})\n" if code else "")


def alike(text: str) -> list[str]:
    """Lines without what differs from run to run: times, and counts of tokens."""
    return [PRICES.sub("…", line.rstrip()) for line in text.strip().splitlines()]


def matches(shown: list[str], said: list[str]) -> bool:
    """Whether ``said`` is what is shown; a line ``...`` stands for any number of lines."""
    if not shown:
        return not said
    if shown[0] == "...":
        return any(matches(shown[1:], said[start:]) for start in range(len(said) + 1))
    return bool(said) and shown[0] == said[0] and matches(shown[1:], said[1:])


@pytest.mark.local_model
def test_the_first_example_does_the_same_with_the_embedded_model(tmp_path: Path) -> None:
    run = [block for block in blocks(ROOT / "README.md") if block.language in ("python", "text")]
    example, output = run[:2]
    _, printed = run_python(example, {}, tmp_path)
    assert printed == output.text


LANGUAGE = ROOT / "docs" / "plan-language.md"
PLANS = [block for block in blocks(LANGUAGE) if block.language == "xml"]
NOT_YET = {"policy-denied"}


@pytest.mark.parametrize("block", PLANS, ids=lambda block: f"line {block.line}")
def test_a_plan_on_the_page_is_right_or_has_the_fault_it_shows(block: Block, workshop: Path) -> None:
    listing = next(found for found in blocks(LANGUAGE) if found.noted("file") == ["shop.py"])
    (workshop / "shop.py").write_text(listing.text, encoding="utf-8")
    kernel = Kernel()
    add_skills(kernel, ["shop.py"])
    inputs = block.noted("inputs") or None
    wanted = set(block.noted("code"))
    try:
        plan = Plan.parse(repeated(block), kernel, inputs=inputs)
        plan.check_inputs({} if wanted else dict.fromkeys(plan.inputs))
    except PlanError as error:
        assert {found.code for found in error.errors} == wanted, str(error)
    else:
        assert wanted == set()


def repeated(block: Block) -> str:
    """The plan; ``<!-- repeat: N -->`` puts its outermost ``<if>`` into itself N times."""
    if not block.has("repeat"):
        return block.text
    times = int(block.noted("repeat")[0])
    opening, body = block.text.removeprefix("<plan>").split(">", 1)
    inner, _ = body.rsplit("</if>", 1)
    return f"<plan>{(opening + '>') * times}{inner}{'</if>' * times}</plan>"


def test_every_diagnostic_has_an_example() -> None:
    shown = {code for block in PLANS for code in block.noted("code")}
    assert shown == set(CODES) - NOT_YET
    text = LANGUAGE.read_text(encoding="utf-8")
    assert [code for code in CODES if f"\n`{code}`: " not in text] == []


def test_there_is_something_to_test() -> None:
    found = [block for page in PAGES for block in blocks(page)]
    assert sum(block.language == "python" for block in found) >= 8
    assert sum(block.language == "console" for block in found) >= 4


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    paths = re.findall(r"`((?:kernel|planners|skills|plugins|samples|docs)/[\w/.]*)`", text)
    assert missing + [path for path in paths if not (ROOT / path).exists()] == []
