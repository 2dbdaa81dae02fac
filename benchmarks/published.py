"""Published goals and functions as planloom objects, read from beside the project when they are there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from planloom.function import KernelFunction
from planloom.parameter import REQUIRED, Parameter

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"
TYPES: Mapping[str, type] = {"str": str, "int": int, "float": float, "bool": bool}


@dataclass(frozen=True)
class PublishedGoal:
    """A goal and the names of the functions that its published plan calls."""

    goal: str
    functions: frozenset[str]


def rows(name: str) -> list[dict[str, Any]]:
    """The lines of a data file; raises ``FileNotFoundError`` when the data are not there."""
    with (FOLDER / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def sealtools_catalogue(skill: str = "Tools") -> list[KernelFunction]:
    """The 4,076 functions of Seal-Tools."""
    return [_function(row, skill) for row in rows("sealtools_catalogue.jsonl")]


def sealtools_goals() -> list[PublishedGoal]:
    """The 700 goals of Seal-Tools' dev set."""
    return [
        PublishedGoal(row["goal"], frozenset(step["function"] for step in row["steps"]))
        for row in rows("sealtools.jsonl")
    ]


def _function(row: Mapping[str, Any], skill: str) -> KernelFunction:
    parameters = tuple(
        Parameter(
            name,
            annotation=TYPES[shape["type"]],
            description=shape["description"],
            default=REQUIRED if name in row["required"] else None,
        )
        for name, shape in row["params"].items()
    )
    results = "; ".join(f"{name}: {shape['description']}" for name, shape in row["responses"].items())
    return KernelFunction(
        skill=skill,
        name=row["name"],
        target=_unavailable,
        description=row["description"],
        effect="read",
        declared_parameters=parameters,
        declared_returns=Annotated[dict[str, Any], results],
    )


def _unavailable(**arguments: object) -> dict[str, Any]:
    raise NotImplementedError("published functions can be planned with, not run")
