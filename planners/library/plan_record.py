"""A stored plan as it stands in its file: what it is for, its versions, and the functions it relies on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from planloom.annotation import type_name
from planloom.function import KernelFunction
from planloom.functions import FunctionsView
from planloom.planners.plan import Plan

__all__ = ["FunctionPrint", "PlanRecord", "PlanVersion", "changes", "prints_of", "text_hash"]


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FunctionPrint(_Stored):
    """What a plan relies on in a function that it calls."""

    signature: str
    returns: str
    effect: str
    description: str


class PlanVersion(_Stored):
    """One version of a plan. ``hash`` is SHA-256 of its text, so that a history is what was saved."""

    number: int
    plan: str
    hash: str
    saved: datetime
    note: str = ""

    @model_validator(mode="after")
    def _as_saved(self) -> Self:
        if text_hash(self.plan) != self.hash:
            raise PydanticCustomError(
                "not-as-saved",
                "version {number} is not the plan that was saved. "
                "Restore this file; to change the plan, edit the .xml file beside it",
                {"number": self.number},
            )
        return self


class PlanRecord(_Stored):
    """Everything that is known of a stored plan; ``versions`` are its history, oldest first."""

    format: Literal[1] = 1
    name: str
    goal: str = ""
    description: str = ""
    inputs: tuple[str, ...] = ()
    functions: Mapping[str, FunctionPrint] = {}
    versions: tuple[PlanVersion, ...] = ()

    @property
    def latest(self) -> str:
        """The text of the latest version; empty when there is none."""
        return self.versions[-1].plan if self.versions else ""

    def with_version(self, text: str, saved: datetime, note: str) -> PlanRecord:
        """The record with one more version, unless the latest is the same text."""
        if text == self.latest:
            return self
        version = PlanVersion(
            number=len(self.versions) + 1, plan=text, hash=text_hash(text), saved=saved, note=note
        )
        return self.model_copy(update={"versions": (*self.versions, version)})


def text_hash(text: str) -> str:
    """SHA-256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def prints_of(plan: Plan) -> dict[str, FunctionPrint]:
    """The functions that a plan calls, by full name."""
    called = [step.function for step in plan.steps if step.function is not None]
    return {function.full_name: _print(function) for function in called}


def changes(record: PlanRecord, functions: FunctionsView) -> Iterator[str]:
    """How the functions that a plan relies on differ from what they were, one sentence each."""
    for name, known in record.functions.items():
        function = functions.find(name)
        if function is None:
            near = functions.nearest(name)
            yield f"{name} is gone" + (f" (there is {', '.join(near)})" if near else "")
            continue
        now = _print(function)
        for aspect in FunctionPrint.model_fields:
            before, after = getattr(known, aspect), getattr(now, aspect)
            if before != after:
                yield f"{name}: {aspect} was {before!r} and is {after!r}"


def _print(function: KernelFunction) -> FunctionPrint:
    return FunctionPrint(
        signature=function.signature(),
        returns=type_name(function.returns),
        effect=function.effect,
        description=function.description,
    )
