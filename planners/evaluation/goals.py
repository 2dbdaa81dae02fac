"""Goals with gold plans, for measuring planners: JSON lines in a folder, and the functions they need.

One line is one goal::

    {"id": "mail-02", "catalogue": "mail", "split": "dev", "language": "en", "steps": 3, "tags": ["lookup"],
     "goal": "Email a summary of the input to Carol.", "inputs": {"INPUT": "…"}, "gold": ["<plan>…</plan>"],
     "expected": "…", "answers": {}}

``gold`` are all plans that are right; ``<plan/>`` alone says that the goal cannot be reached. ``expected`` is
the text of the first one's result, ``answers`` are what a user answers to ``<ask>``, by variable.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from planloom.kernel import Kernel
from planloom.planners.evaluation.errors import GoalFileError

__all__ = ["IMPOSSIBLE", "Catalogue", "Goal", "GoalFileError", "kernel_of", "read_catalogues", "read_goals"]

IMPOSSIBLE = "<plan/>"
CATALOGUES = "catalogues"

Catalogue = Callable[[], Mapping[str, object]]
"""Gives fresh skills by name, as ``Kernel.add_skill`` takes them."""


class Goal(BaseModel):
    """A goal, and the plans that are right for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    catalogue: str
    goal: str
    gold: tuple[str, ...] = Field(min_length=1)
    inputs: Mapping[str, Any] = {}
    answers: Mapping[str, Any] = {}
    expected: str | None = None
    split: Literal["dev", "test"] = "test"
    language: str = "en"
    steps: int = 0
    tags: tuple[str, ...] = ()

    @property
    def impossible(self) -> bool:
        """Whether the right answer is that it cannot be done."""
        return self.gold[0].strip() == IMPOSSIBLE


def read_goals(folder: str | Path, split: str | None = None) -> list[Goal]:
    """Every goal in the ``*.jsonl`` files of ``folder``, by file name; only those of ``split``, if given.

    Raises:
        GoalFileError: there are no such files, one cannot be read, or a line is no goal.
    """
    files = sorted(Path(folder).glob("*.jsonl"))
    if not files:
        raise GoalFileError(Path(folder), "there are no *.jsonl files with goals here.")
    goals = [goal for file in files for goal in _goals(file)]
    return [goal for goal in goals if split is None or goal.split == split]


def _goals(file: Path) -> Iterator[Goal]:
    # Not splitlines: JSON may hold U+2028 and U+0085 as they are.
    for number, line in enumerate(_text(file).split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield Goal.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise GoalFileError(file, f"line {number} is no goal: {where} {first['msg']}") from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise GoalFileError(file, f"it is not UTF-8: {error.reason} at byte {error.start}.") from error
    except OSError as error:
        raise GoalFileError(file, f"it cannot be read: {error.strerror}.") from error


def read_catalogues(folder: str | Path) -> dict[str, Catalogue]:
    """The catalogues of a folder of goals: modules with ``skills()`` in ``catalogues/``, in it or beside it.

    The modules are run: only read folders that you trust.

    Raises:
        GoalFileError: there is no such folder, or a module has no ``skills()`` or cannot be run.
    """
    goals = Path(folder)
    for place in (goals / CATALOGUES, goals.parent / CATALOGUES):
        if place.is_dir():
            files = sorted(place.glob("[!_]*.py"))
            return {file.stem: _catalogue(file) for file in files}
    raise GoalFileError(
        goals / CATALOGUES, "the folder with the functions that the goals are about is missing."
    )


def _catalogue(file: Path) -> Catalogue:
    name = f"planloom_catalogue_{file.stem}"
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise GoalFileError(file, "this is no Python module.")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their own module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise GoalFileError(file, f"it cannot be imported: {type(error).__name__}: {error}") from error
    skills = getattr(module, "skills", None)
    if not callable(skills):
        raise GoalFileError(file, "it has no function skills() that gives the skills by name.")
    catalogue: Catalogue = skills
    return catalogue


def kernel_of(catalogue: Catalogue, kernel: Kernel | None = None) -> Kernel:
    """A kernel with fresh skills of a catalogue; added to ``kernel``, if one is given."""
    kernel = kernel or Kernel()
    for name, skill in catalogue().items():
        kernel.add_skill(skill, name)
    return kernel
