"""Arguments that several commands share, and what they mean."""

from __future__ import annotations

import json
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from planloom.cli.errors import UsageError
from planloom.cli.files import read_text
from planloom.errors import InvalidNameError
from planloom.names import check_name

__all__ = [
    "add_debug_argument",
    "add_input_arguments",
    "add_json_argument",
    "add_library_argument",
    "add_model_arguments",
    "add_skill_argument",
    "positive_int",
    "positive_seconds",
    "variables_of",
]


def add_skill_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--skill",
        action="append",
        default=[],
        metavar="SKILL",
        help="functions that the plan may call; may be repeated. FILE.py:CLASS, FILE.py (all its skills), "
        "a folder of prompts, PACKAGE.MODULE:CLASS, or a skill that ships: TextSkill, FunSkill, ...",
    )


def add_library_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--library", metavar="FOLDER", help="a folder of stored plans, to be called as Plans.NAME"
    )


def add_input_arguments(parser: ArgumentParser) -> None:
    inputs = parser.add_mutually_exclusive_group()
    inputs.add_argument("--input", metavar="TEXT", help="the run's input: $INPUT in the plan")
    inputs.add_argument("--input-file", metavar="PATH", help="read the run's input from a file; - for stdin")
    parser.add_argument(
        "--var",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a further input, as text; NAME:=JSON for a number, list or object; may be repeated",
    )


def add_model_arguments(parser: ArgumentParser) -> None:
    model = parser.add_argument_group("model (the embedded one if nothing is given)")
    model.add_argument(
        "--model",
        metavar="MODEL",
        help="a .gguf file or a Hugging Face name; with --base-url, the server's name for its model",
    )
    model.add_argument(
        "--base-url", metavar="URL", help="an OpenAI-compatible server, as http://localhost:8000/v1"
    )
    model.add_argument(
        "--api-key-env",
        metavar="NAME",
        help="the environment variable that holds the server's key (default: OPENAI_API_KEY)",
    )


def add_debug_argument(parser: ArgumentParser, *, default: Any = SUPPRESS) -> None:
    parser.add_argument(
        "--debug", action="store_true", default=default, help="show the traceback of a failure"
    )


def add_json_argument(parser: ArgumentParser, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=what)


def positive_int(text: str) -> int:
    """An argument's type: a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def positive_seconds(text: str) -> float:
    """An argument's type: seconds, more than none."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def variables_of(arguments: Namespace) -> dict[str, Any]:
    """The run's inputs by name, from ``--input``, ``--input-file`` and ``--var``.

    Raises:
        UsageError: a name is wrong or given twice, JSON cannot be read, or the file cannot.
    """
    found: dict[str, Any] = {}
    if arguments.input is not None:
        found["INPUT"] = arguments.input
    if arguments.input_file is not None:
        found["INPUT"] = read_text(arguments.input_file)
    for name, value in map(_variable, arguments.var):
        if name.lower() in {known.lower() for known in found}:
            raise UsageError(f"--var {name}: this input is given twice; names ignore case.")
        found[name] = value
    return found


def _variable(written: str) -> tuple[str, Any]:
    name, equals, value = written.partition("=")
    if not equals:
        raise UsageError(f"--var {written}: write it as NAME=VALUE, or NAME:=JSON.")
    is_json = name.endswith(":")
    name = name.removesuffix(":")
    try:
        check_name(name, "variable")
    except InvalidNameError as error:
        raise UsageError(f"--var {written}: {error}") from error
    return name, _json(name, value) if is_json else value


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"--var {name}: the value is not JSON ({error}); for text write {name}={text}"
        ) from error
