"""Where a command writes: the result on standard output, everything said about it on standard error."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from planloom.cli.text import inert

__all__ = ["Terminal"]


class Terminal:
    """Two streams. Writing never raises: a run must not fail because nobody reads its progress.

    ``broken`` is set once standard output cannot be written.
    """

    def __init__(self, output: TextIO, messages: TextIO, source: TextIO) -> None:
        self._output, self._messages, self.source = output, messages, source
        self._open_line = False
        self._held: list[str] | None = None
        self.broken: OSError | None = None

    @classmethod
    def of_process(cls) -> Terminal:
        """The process's own streams; characters that their encoding lacks are written as escapes."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return cls(sys.stdout, sys.stderr, sys.stdin)

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked: standard input is a terminal."""
        return self.source.isatty()

    def put(self, text: str) -> None:
        """A line of result, with nothing in it that could control a terminal."""
        self.put_raw(inert(text) + "\n")

    def put_raw(self, text: str) -> None:
        """Text to standard output exactly as it is."""
        if self.broken is not None:
            return
        try:
            self._output.write(text)
            self._output.flush()
        except OSError as error:
            self.broken = error

    def say(self, text: str) -> None:
        """A line for the person at the terminal."""
        if self._held is not None:
            self._held.append(text)
            return
        self._message(("\n" if self._open_line else "") + inert(text) + "\n")
        self._open_line = False

    def say_piece(self, text: str) -> None:
        """A piece of a line, shown at once; ``say`` ends the line."""
        self._message(inert(text))
        self._open_line = not text.endswith("\n")

    @contextmanager
    def asking(self, question: str) -> Iterator[None]:
        """Show a question, and hold back other lines until it is answered, so that it stays in sight."""
        self.say_piece(question)
        held: list[str] = []
        self._held = held
        try:
            yield
            self._open_line = False  # the person's Enter ended it
        finally:
            self._held = None
            for line in held:
                self.say(line)

    def _message(self, text: str) -> None:
        try:
            self._messages.write(text)
            self._messages.flush()
        except OSError:
            self._messages = io.StringIO()  # nobody is there to be told

    def abandon_output(self) -> None:
        """Let the interpreter close a broken standard output without a complaint."""
        try:
            broken = self._output.fileno()
        except (OSError, ValueError):
            return
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), broken)
