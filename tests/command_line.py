"""Runs the command line in a folder of its own, as a person would, and keeps what it said."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from planloom import services
from planloom.cli import main
from planloom.services import ChatService

SAMPLES = Path(__file__).parent.parent / "samples"
CLASSIC = """\
<plan>
  <function.Names.getNickName input="Steven" setContextVariable="NICKNAME"/>
  <function.StringFunctions.stringReplace input="$INPUT" from="USER_NAME" to="$NICKNAME"
      setContextVariable="MESSAGE"/>
  <function.Emailer.getEmailAddress input="Steven" setContextVariable="ADDRESS"/>
  <function.Emailer.sendEmail emailAddress="$ADDRESS" message="$MESSAGE" subject="$subject"
      appendToResult="RESULT__SENT"/>
</plan>
<!-- END -->
"""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Source(io.TextIOWrapper):
    """Standard input with a given text, that says whether it is a terminal."""

    def __init__(self, text: str, is_terminal: bool) -> None:
        super().__init__(io.BytesIO(text.encode()), encoding="utf-8")
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


class CommandLine:
    """``cli("run", ...)``; ``folder`` is the working folder and holds the samples' ``my_skills.py``."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self._patch, self._capture = folder, patch, capture
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        self.write("my_skills.py", (SAMPLES / "my_skills.py").read_text())
        self.write("plan.xml", CLASSIC)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def answer_with(self, service: ChatService | Callable[[], ChatService]) -> None:
        """Let ``service`` stand for the embedded model."""

        def make(model: str | None = None) -> ChatService:
            return service() if callable(service) else service

        self._patch.setattr(services, "LlamaService", make, raising=False)

    def __call__(self, *arguments: str, stdin: str = "", terminal: bool = False) -> Outcome:
        self._patch.setattr(sys, "stdin", Source(stdin, terminal))
        self._capture.readouterr()
        try:
            code = main(arguments)
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        said = self._capture.readouterr()
        return Outcome(code, said.out, said.err)

    def classic(self, *more: str) -> Outcome:
        return self("run", "plan.xml", "--skill", "my_skills.py", *CLASSIC_INPUTS, *more)


CLASSIC_INPUTS: Sequence[str] = ("--input", "Hello, USER_NAME.", "--var", "subject=News")
