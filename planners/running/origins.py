"""Where the values of one run come from: its plan's provenance, and what the caller said of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from planloom.planners.compiling.sources import Source
from planloom.planners.language.variables import variable_key
from planloom.planners.running.policy import PlannedCall
from planloom.planners.running.records import HIDDEN

if TYPE_CHECKING:
    from planloom.planners.compiling.program import Step
    from planloom.planners.compiling.provenance import Mode
    from planloom.planners.plan import Plan

__all__ = ["HIDDEN", "NOTHING_SAID", "InputOrigins", "Origins", "Sourced", "unwrapped"]


@dataclass(frozen=True, slots=True)
class Sourced:
    """An input that is not the user's own word, or must not be shown: ``Sourced(text, "email")``.

    Args:
        value: the input itself.
        source: where it came from, as a policy's rules name it; the user if left out.
        secret: whether it, and all that is made of it, stays out of events, errors and saved files.
    """

    value: Any
    source: str = ""
    secret: bool = False

    def __repr__(self) -> str:
        return (
            f"Sourced({HIDDEN if self.secret else repr(self.value)}, {self.source!r}, secret={self.secret})"
        )


@dataclass(frozen=True, slots=True)
class InputOrigins:
    """What is known of a run's inputs by key."""

    sources: Mapping[str, frozenset[Source]] = field(default_factory=dict)
    secret: frozenset[str] = frozenset()


NOTHING_SAID = InputOrigins()


def unwrapped(variables: Mapping[str, Any]) -> tuple[dict[str, Any], InputOrigins]:
    """The inputs themselves, and what was said of them."""
    given = dict(variables)
    told = {name: value for name, value in given.items() if type(value) is Sourced or _hides(value)}
    if not told:
        return given, NOTHING_SAID
    marks = {name: value for name, value in told.items() if isinstance(value, Sourced)}
    given |= {name: mark.value for name, mark in marks.items()}
    return given, InputOrigins(
        sources={
            variable_key(name): frozenset({Source("named", mark.source)})
            for name, mark in marks.items()
            if mark.source
        },
        secret=frozenset(
            variable_key(name)
            for name, value in told.items()
            if not isinstance(value, Sourced) or value.secret or _hides(value.value)
        ),
    )


SAID = "$sources"
"""The name, which no input can have, under which a journal keeps what was said of the inputs."""


def with_said(given: Mapping[str, Any], said: InputOrigins) -> Mapping[str, Any]:
    """The inputs with what was said of them, as JSON can hold it."""
    if not said.sources:
        return given
    kept = {
        key: [[s.kind, s.name, s.label] for s in sorted(found, key=str)]
        for key, found in said.sources.items()
    }
    return {**given, SAID: kept}


def without_said(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != SAID}


def said_in(given: Mapping[str, Any]) -> InputOrigins:
    """What ``with_said`` kept."""
    kept: Mapping[str, Any] = given.get(SAID, {})
    return InputOrigins({key: frozenset(Source(*fields) for fields in found) for key, found in kept.items()})


def _hides(value: object) -> bool:
    return hasattr(type(value), "get_secret_value")


class Origins:
    """The calls of a plan with the sources of their arguments, and which of its values are secret."""

    def __init__(self, plan: Plan, inputs: InputOrigins = NOTHING_SAID) -> None:
        self.plan, self.inputs = plan, inputs
        self._planned: dict[int, PlannedCall] = {}

    def planned(self, step: Step) -> PlannedCall:
        """A step as policies and people see it before it runs."""
        if step.number not in self._planned:
            self._planned[step.number] = self._plan(step)
        return self._planned[step.number]

    def _plan(self, step: Step) -> PlannedCall:
        assert step.function is not None
        written = {_name(step, name): text for name, text in step.arguments.items()}
        return PlannedCall(
            step=step.label,
            function=step.function,
            written=written,
            sources=self._sources(step, "data"),
            strict_sources=self._sources(step, "strict"),
            secret=self.secret_arguments(step),
        )

    def _sources(self, step: Step, mode: Mode) -> dict[str, frozenset[Source]]:
        found = self.plan.provenance(mode)
        return {
            name: frozenset(given for source in found.sources(mask) for given in self._given(source))
            for name, mask in found.arguments(step.number).items()
        }

    def _given(self, source: Source) -> frozenset[Source]:
        """What an input's source stands for, once the caller has said where the input comes from."""
        if source.kind != "user":
            return frozenset({source})
        return self.inputs.sources.get(variable_key(source.name)) or frozenset({source})

    def secret_names(self) -> frozenset[str]:
        """The secret inputs, and the functions whose output is secret."""
        return self.inputs.secret | frozenset(map(str, self.plan.secrets))

    # -- secrets -----------------------------------------------------------------------------------------

    @property
    def any_secret(self) -> bool:
        """Whether anything in the run must not be shown."""
        return bool(self.inputs.secret) or bool(self.plan.secrets)

    @cached_property
    def _secret(self) -> int:
        """The mask of the sources that are secret."""
        found = self.plan.provenance("secrecy")
        return found.mask_of(self.plan.secrets) | found.inputs_mask(self.inputs.secret)

    def secret_arguments(self, step: Step) -> frozenset[str]:
        """The arguments of a step that must not be shown, by the names that plans use."""
        if not self.any_secret:
            return frozenset()
        masks = self.plan.provenance("secrecy").arguments(step.number)
        return frozenset(name for name, mask in masks.items() if mask & self._secret)

    def secret_output(self, step: Step) -> bool:
        """Whether what a step gives must not be shown."""
        return self.any_secret and bool(self.plan.provenance("secrecy").output(step.number) & self._secret)

    def secret_input(self, name: str) -> bool:
        found = self.plan.provenance("secrecy")
        return variable_key(name) in self.inputs.secret or bool(
            found.inputs_mask([variable_key(name)]) & self._secret
        )

    def secret_variable(self, name: str) -> bool:
        """Whether what a variable holds after the run must not be shown."""
        return bool(self.plan.provenance("secrecy").variable(name) & self._secret) or self.secret_input(name)

    def secret_result(self, name: str) -> bool:
        """The same of what is returned under a name; of the last step's value for no name."""
        return bool(self.plan.provenance("secrecy").result(name) & self._secret)

    def returned(self) -> frozenset[str]:
        """The names of the plan's results."""
        return frozenset(self.plan.provenance("secrecy").returned)

    def secret_text(self) -> bool:
        """Whether the text that the run returns must not be shown."""
        return any(map(self.secret_result, self.returned() or [""]))


def _name(step: Step, written: str) -> str:
    """The parameter's own name for the name that a plan uses: ``input`` is the first one."""
    parameter = step.function.parameter(written) if step.function else None
    return parameter.name if parameter else written
