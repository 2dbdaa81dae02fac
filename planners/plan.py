"""A plan: read, checked, and ready to be shown, saved, approved and run."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

from planloom.functions import FunctionsView
from planloom.kernel import Kernel
from planloom.planners.compiling.checker import check
from planloom.planners.compiling.program import InputNeed, Program, Step
from planloom.planners.compiling.provenance import Mode, Provenance
from planloom.planners.compiling.sources import Source
from planloom.planners.errors import PlanError
from planloom.planners.fingerprint import function_fingerprint, value_fingerprint
from planloom.planners.language.diagnostic import Diagnostic
from planloom.planners.language.json_form import tree_from_json, tree_to_json
from planloom.planners.language.nodes import PlanTree
from planloom.planners.language.reader import read_plan
from planloom.planners.language.variables import variable_key
from planloom.planners.language.writer import write_plan
from planloom.services.protocol import Usage

if TYPE_CHECKING:
    from planloom.planners.running.policy import Policy

__all__ = ["Plan"]


class Plan:
    """A checked plan. Made with ``Plan.parse``, ``Plan.from_json`` or by a planner; it never changes.

    It is checked once and may be run many times, also at the same time.
    """

    def __init__(
        self,
        tree: PlanTree,
        functions: FunctionsView,
        *,
        inputs: Collection[str] | None = None,
        goal: str = "",
        text: str = "",
        found: tuple[Diagnostic, ...] = (),
    ) -> None:
        """Check a tree; ``found`` is what reading its ``text`` told.

        Raises:
            PlanError: the plan has errors.
        """
        checked = check(tree, functions, inputs)
        diagnostics = (*found, *checked.diagnostics, *_implied(checked.needs, inputs))
        self.diagnostics = tuple(sorted(diagnostics, key=lambda item: (item.line, item.column)))
        if checked.program is None or any(item.severity == "error" for item in found):
            raise PlanError(self.diagnostics, text)
        self.tree = tree
        self.goal = goal
        self.source = text
        """The text that was read, a model's chatter included; the places of diagnostics are in it."""
        self.program: Program = checked.program
        self.steps: tuple[Step, ...] = checked.steps
        self._provenance: dict[Mode, Provenance] = {}
        self.usage = Usage()
        """The tokens that making the plan took; none for one that no model wrote."""

    @classmethod
    def parse(
        cls,
        text: str,
        kernel: Kernel,
        *,
        inputs: Collection[str] | None = None,
        functions: FunctionsView | None = None,
        goal: str = "",
    ) -> Plan:
        """Read and check a plan.

        Args:
            text: XML, possibly with a model's chatter around it.
            kernel: whose functions the plan may call.
            inputs: names of the inputs that a run will have; any other name is then an error. None means that
                whatever no step sets is an input of the plan.
            functions: only these functions, in place of all of the kernel's.
            goal: what the plan is for.

        Raises:
            PlanError: with every diagnostic, not only the first.
        """
        if not isinstance(text, str):
            raise TypeError(f"a plan is read from text, not from {type(text).__name__}")
        reading = read_plan(text)
        if reading.tree is None:
            raise PlanError(reading.diagnostics, text)
        view = kernel.functions if functions is None else functions
        return cls(reading.tree, view, inputs=inputs, goal=goal, text=text, found=reading.diagnostics)

    @classmethod
    def from_json(cls, text: str, kernel: Kernel, *, inputs: Collection[str] | None = None) -> Plan:
        """The plan that ``to_json`` wrote, checked again; raises ``PlanError``."""
        return cls(tree_from_json(text), kernel.functions, inputs=inputs, text=text)

    def to_json(self) -> str:
        """The plan as JSON text, for storing; its schema is ``planloom.planners.PLAN_SCHEMA``."""
        return self._json

    @cached_property
    def _json(self) -> str:
        return tree_to_json(self.tree)

    def __str__(self) -> str:
        """Canonical XML: what ``Plan.parse`` reads back as the same plan."""
        return write_plan(self.tree)

    def __repr__(self) -> str:
        return f"<Plan of {len(self.steps)} steps, inputs {', '.join(self.inputs) or 'none'}>"

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What was mended or may go wrong; errors never get this far."""
        return self.diagnostics

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The names that a run must supply, in the order of their first use."""
        return tuple(need.name for need in self.program.needs if need.required)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the plan's text and of the functions it calls: signature, effect and description."""
        functions = {step.function.full_name: step.function for step in self.steps if step.function}
        return value_fingerprint([str(self), *map(function_fingerprint, functions.values())])

    def provenance(self, mode: Mode = "data") -> Provenance:
        """Where the plan's values can come from; worked out on first use."""
        if mode not in self._provenance:
            names = [need.name for need in self.program.needs]
            self._provenance[mode] = Provenance(self.tree, self.steps, names, mode)
        return self._provenance[mode]

    @cached_property
    def secrets(self) -> frozenset[Source]:
        """The functions, inputs and answers that the plan's functions declare to be secret."""
        if not any(step.function and step.function.handles_secrets for step in self.steps):
            return frozenset()
        return self.provenance("secrecy").secrets()

    def check_policy(self, policy: Policy) -> None:
        """Raise ``PlanError`` with a ``policy-denied`` for every step that the policy is sure to refuse."""
        from planloom.planners.running.gate import refused

        if found := refused(self, policy):
            raise PlanError(found, self.source)

    def check_inputs(self, names: Collection[str]) -> None:
        """Raise ``PlanError`` when a run with inputs of these names could not begin."""
        keys = {variable_key(name) for name in names}
        missing = [need for wanted, need in self._required if wanted.isdisjoint(keys)]
        if missing:
            raise PlanError(tuple(_unset(need) for need in missing), self.source)

    @cached_property
    def _required(self) -> tuple[tuple[frozenset[str], InputNeed], ...]:
        """The keys of which a run must supply one, for each input that it needs."""
        return tuple(
            (frozenset(variable_key(name) for name in (need.name, need.instead) if name), need)
            for need in self.program.needs
            if need.required
        )


def _unset(need: InputNeed) -> Diagnostic:
    if need.implied_by:
        message = f"{need.implied_by} is not given, and the run supplies no input called {need.name}"
        return Diagnostic.error("missing-argument", message, need.place, f'write {need.name}="…" in the plan')
    message = f"the run does not supply ${need.name}"
    return Diagnostic.error("unset-input", message, need.place, f"run it with {{{need.name!r}: …}}")


def _implied(needs: tuple[InputNeed, ...], inputs: Collection[str] | None) -> list[Diagnostic]:
    if inputs is not None:
        return []
    return [
        Diagnostic.warning(
            "missing-argument",
            f"{need.implied_by} is not given, so a run must supply an input called {need.name}",
            need.place,
        )
        for need in needs
        if need.required and need.implied_by
    ]
