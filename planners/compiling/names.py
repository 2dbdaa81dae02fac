"""What names mean in a plan that is being checked: settings, elements of loops, and plan inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, get_args, get_origin

from planloom.function import KernelFunction
from planloom.names import nearest
from planloom.planners.compiling import getters
from planloom.planners.compiling.outline import MOST_CONDITIONAL, PREVIOUS, Draft, Found, resolve
from planloom.planners.compiling.program import Getter, InputNeed
from planloom.planners.language.annotations import PathFault, annotation_at, check_path
from planloom.planners.language.diagnostic import Diagnostic
from planloom.planners.language.nodes import Ask, Call, ForEach, Place
from planloom.planners.language.references import Reference, ReferenceSyntaxError, parse_value
from planloom.planners.language.variables import INPUT, INPUT_KEY, variable_key

__all__ = ["MOST_HINTS", "Names", "Report", "too_many", "wait_for"]

Report = Callable[[Diagnostic], None]
"""Takes what is wrong with a name."""
MOST_HINTS = 10
"""Looking for a similar name takes time; a plan with more faults than this gets the first ones explained."""


class Names:
    """Resolves names at drafts, notes what each draft must wait for, and gathers the plan's inputs.

    Args:
        functions: the function of each call's draft.
        declared: the inputs that will exist; None when that is not known yet.
    """

    def __init__(self, functions: dict[Draft, KernelFunction], declared: Collection[str] | None) -> None:
        self.functions = functions
        self.declared = None if declared is None else {variable_key(name): name for name in declared}
        self.needs: dict[str, InputNeed] = {}
        self.known: dict[str, str] = {}
        """Every name in use, by its key, as written first."""
        self.undefined = 0
        self._resolved: dict[tuple[str, Draft], Found] = {}

    def _resolve(self, name: str, at: Draft) -> Found:
        key = (name, at)
        found = self._resolved.get(key)
        if found is None:
            found = self._resolved[key] = resolve(name, at)
        return found

    # -- references ------------------------------------------------------------------------------------

    def getter(self, reference: Reference, at: Draft, place: Place, report: Report) -> Getter:
        """The getter of a reference; ``report`` takes what is wrong with it."""
        key = variable_key(reference.name)
        if key == INPUT_KEY:
            return getters.walked(self.given(INPUT, place), reference.path)
        found = self._resolve(key, at)
        if not found.certain and (fault := self._fault(reference.name, found, at, place)):
            report(fault)
        if not found.settings and found.element is None:
            return getters.walked(self.given(reference.name, place), reference.path)
        wait_for(at, found)
        if reference.path and (fault := self._path_fault(reference, at, place)):
            report(fault)
        return getters.walked(getters.of_found(found, reference.name), reference.path)

    def _fault(self, name: str, found: Found, at: Draft, place: Place) -> Diagnostic | None:
        """What is wrong with a name that is not certain to be set."""
        if found.too_many:
            return too_many(f"${name}", place)
        if found.forward > 1:
            message = f"${name} is set {found.forward} times below and never above"
            return Diagnostic.error("ambiguous-name", message, place, "move the step that it means up")
        if found.settings:
            message = f"${name} is set only under a condition"
            hint = "set it in <else> too, or before <if>; the run fails where it is missing"
            return Diagnostic.warning("undefined-variable", message, place, hint)
        if _sets(at) == variable_key(name):
            return Diagnostic.error("cycle", f"${name} is what this step itself sets", place)
        if self.declared is not None and variable_key(name) not in self.declared:
            return self._undefined(name, place)
        return None

    def _undefined(self, name: str, place: Place) -> Diagnostic:
        self.undefined += 1
        known = [*self.known.values(), *(self.declared or {}).values()]
        close = nearest(name, known) if self.undefined <= MOST_HINTS else ()
        hint = (
            f"did you mean ${close[0]}?"
            if close
            else f"there are: {', '.join(dict.fromkeys(known[:20])) or 'none'}"
        )
        return Diagnostic.error("undefined-variable", f"nothing sets ${name}", place, hint)

    def _path_fault(self, reference: Reference, at: Draft, place: Place) -> Diagnostic | None:
        fault = check_path(self.annotation(Reference(reference.name), at), reference.path)
        return Diagnostic.error("bad-reference", str(fault), place) if isinstance(fault, PathFault) else None

    # -- what is around --------------------------------------------------------------------------------

    def previous(self, at: Draft, parameter: str, place: Place, report: Report) -> Getter:
        """The previous step's output; for the first step INPUT, or an input called like the parameter."""
        found = self._resolve(PREVIOUS, at)
        wait_for(at, found)
        if found.too_many:
            report(too_many("the previous output", place))
        if found.certain:
            return getters.of_found(found, "the previous output")
        first = self._first_input(parameter, place)
        return getters.of_found(found, "the previous output", first) if found.settings else first

    def _first_input(self, parameter: str, place: Place) -> Getter:
        if variable_key(parameter) in (INPUT_KEY, PREVIOUS):
            return self.given(INPUT, place)
        needed = InputNeed(INPUT, True, place, instead=parameter)
        self.needs.setdefault(INPUT_KEY, needed)
        instead = getters.input_value(variable_key(parameter))
        return getters.input_value(INPUT_KEY, instead)

    def given(self, name: str, place: Place) -> Getter:
        """A plan input that the run must supply."""
        key = variable_key(name)
        earlier = self.needs.get(key)
        if earlier is None or not earlier.required or earlier.implied_by or earlier.instead:
            self.needs[key] = InputNeed(name, True, place)
        return getters.input_value(key)

    def ambient(self, name: str, default: Getter | None, place: Place, argument: str) -> Getter:
        """An argument left out: a plan input of that name if the caller supplies one, or ``default``."""
        key = variable_key(name)
        if key not in self.needs:
            self.needs[key] = InputNeed(name, default is None, place, implied_by=argument)
        return getters.input_value(key, default)

    def may_be_input(self, name: str) -> bool:
        """Whether a caller may supply an input of that name. INPUT is only ever the run's own."""
        key = variable_key(name)
        return key != INPUT_KEY and (self.declared is None or key in self.declared)

    # -- types -----------------------------------------------------------------------------------------

    def annotation(self, reference: Reference, at: Draft) -> Any:
        """The declared type of what a reference gives; Any when it is not known."""
        key = variable_key(reference.name)
        if key == INPUT_KEY:
            return Any
        found = self._resolve(key, at)
        if found.element is not None and not found.settings:
            return annotation_at(self._element_type(at, found.element), reference.path)
        if not found.certain or len(found.settings) != 1:
            return Any
        return annotation_at(self._set_type(found), reference.path)

    def _set_type(self, found: Found) -> Any:
        setting = found.settings[0][1]
        if setting.export is not None:
            return list[Any]
        function = self.functions.get(setting.draft)
        return str if isinstance(setting.draft.node, Ask) else (function.returns if function else Any)

    def _element_type(self, at: Draft, up: int) -> Any:
        loop = at.body.outward(up).loop
        if loop is None or not isinstance(loop.node, ForEach):
            return Any
        source = _reference(loop.node.source)
        whole = self.annotation(source, loop) if source else Any
        return get_args(whole)[0] if get_origin(whole) in (list, tuple, set) and get_args(whole) else Any


def too_many(what: str, place: Place) -> Diagnostic:
    """The fault of a name that is set under one condition after the other."""
    message = f"{what} may come from more than {MOST_CONDITIONAL} steps under conditions"
    return Diagnostic.error("limit-exceeded", message, place, "name the step that it is to come from")


def wait_for(at: Draft, found: Found) -> None:
    """Note on ``at``, and on the loops around it, which units must come first."""
    for up, setting in found.settings:
        at.needs[(up, setting.draft.index)] = None


def _reference(text: str) -> Reference | None:
    try:
        value = parse_value(text)
    except ReferenceSyntaxError:
        return None
    return value if isinstance(value, Reference) else None


def _sets(draft: Draft) -> str | None:
    node = draft.node
    return variable_key(node.sets) if isinstance(node, Call | Ask) and node.sets else None
