"""Arguments of one call: which parameter each names, and where each value comes from."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from planloom.function import KernelFunction, reason
from planloom.parameter import Parameter
from planloom.planners.compiling import getters
from planloom.planners.compiling.getters import isolated
from planloom.planners.compiling.names import Names, Report
from planloom.planners.compiling.outline import Draft
from planloom.planners.compiling.program import Getter
from planloom.planners.compiling.structures import structure
from planloom.planners.language.diagnostic import Code, Diagnostic
from planloom.planners.language.nodes import Argument, Call
from planloom.planners.language.references import Reference, ReferenceSyntaxError, Template, Text, parse_value

__all__ = ["Bound", "bind_call"]


class Bound(NamedTuple):
    """The arguments of a call by Python name: constants, getters for the rest, and constants to be copied."""

    constants: Mapping[str, Any]
    getters: tuple[tuple[str, Getter], ...]
    copied: tuple[str, ...]


def bind_call(call: Call, draft: Draft, function: KernelFunction, names: Names, report: Report) -> Bound:
    """Bind a call's arguments; ``report`` takes every fault."""
    return _Binder(call, draft, function, names, report).bound()


class _Binder:
    """Binds the arguments of one call."""

    __slots__ = ("call", "constants", "copied", "draft", "function", "getters", "given", "names", "report")

    def __init__(
        self,
        call: Call,
        draft: Draft,
        function: KernelFunction,
        names: Names,
        report: Report,
    ) -> None:
        self.call, self.draft, self.function = call, draft, function
        self.names, self.report = names, report
        self.constants: dict[str, Any] = {}
        self.getters: list[tuple[str, Getter]] = []
        self.copied: list[str] = []
        self.given: dict[str, str] = {}
        """Each parameter's argument as the plan writes its name."""

    def bound(self) -> Bound:
        for argument in self.call.arguments:
            self._take(argument)
        for parameter in self.function.parameters:
            if parameter.key not in self.given:
                self._omitted(parameter)
        return Bound(self.constants, tuple(self.getters), tuple(self.copied))

    def _take(self, argument: Argument) -> None:
        parameter = self.function.parameter(argument.name)
        if parameter is None:
            message = f"{self.function.full_name} has no parameter {argument.name!r}"
            self._fault("unknown-argument", message, argument)
        elif parameter.key in self.given:
            self.report(_twice(argument, parameter, self.given[parameter.key]))
        else:
            self.given[parameter.key] = argument.name
            self._written(argument, parameter)

    def _written(self, argument: Argument, parameter: Parameter) -> None:
        try:
            value = parse_value(argument.text)
        except ReferenceSyntaxError as error:
            self.report(Diagnostic.error("bad-reference", str(error), argument.place))
            return
        if isinstance(value, Text):
            self._literal(value.text, argument, parameter)
        elif isinstance(value, Reference):
            self._reference(value, argument, parameter)
        else:
            self._template(value, argument, parameter)

    def _literal(self, text: str, argument: Argument, parameter: Parameter) -> None:
        try:
            value = parameter.from_text(text)
        except ValueError as error:
            message = f"{argument.name}={_short(text)} is no {parameter.type_name}: {reason(error)}"
            self._fault("bad-argument", message, argument)
            return
        self.constants[parameter.key] = value
        if isolated(value) is not value:
            self.copied.append(parameter.key)

    def _reference(self, value: Reference, argument: Argument, parameter: Parameter) -> None:
        getter = self.names.getter(value, self.draft, argument.place, self.report)
        produced = self.names.annotation(value, self.draft)
        if _never_fits(produced, parameter.annotation):
            message = f"${value.name} is {_kind(produced)} and {argument.name} takes {parameter.type_name}"
            self._fault("bad-argument", message, argument, "refer to a part of it, or use another function; ")
        self._give(parameter, _passed(getter, parameter.accept))

    def _template(self, value: Template, argument: Argument, parameter: Parameter) -> None:
        parts = tuple(
            part
            if isinstance(part, str)
            else self.names.getter(part, self.draft, argument.place, self.report)
            for part in value.parts
        )
        if parameter.takes_text or not _is_structure(value):
            self._give(parameter, getters.converted(getters.joined(parts), parameter.from_text))
            return
        try:
            getter = structure(parts)
        except ValueError as error:
            message = f"{argument.name} takes {parameter.type_name}, and this is no JSON: {error}"
            self.report(Diagnostic.error("bad-argument", message, argument.place, 'write it as ["$A", "$B"]'))
            return
        self._give(parameter, _passed(getter, parameter.accept))

    def _omitted(self, parameter: Parameter) -> None:
        """Design 3.3: the previous output, a plan input of the same name, the default, or an error."""
        names, place = self.names, self.call.place
        if parameter.required and parameter is self.function.parameters[0]:
            getter = names.previous(self.draft, parameter.name, place, self.report)
            self._give(parameter, _passed(getter, parameter.accept))
        elif names.may_be_input(parameter.name):
            default = None if parameter.required else _constant(parameter.default)
            argument = f"{self.function.full_name} {parameter.name}"
            getter = names.ambient(parameter.name, default, place, argument)
            self._give(parameter, _passed(getter, _accept_ambient(parameter)))
        elif parameter.required:
            self.report(missing(self.function, parameter, self.call))

    def _give(self, parameter: Parameter, getter: Getter) -> None:
        self.getters.append((parameter.key, getter))

    def _fault(self, code: Code, message: str, argument: Argument, hint: str = "") -> None:
        signature = f"{hint}it is {self.function.signature()}"
        self.report(Diagnostic.error(code, message, argument.place, signature))


def _twice(argument: Argument, parameter: Parameter, earlier: str) -> Diagnostic:
    return Diagnostic.error(
        "bad-argument",
        f"{argument.name!r} and {earlier!r} are both the parameter {parameter.name!r}",
        argument.place,
        "give it once; input= always names the first parameter",
    )


def _passed(getter: Getter, accept: Callable[[Any], Any]) -> Getter:
    return lambda scope: isolated(accept(getter(scope)))


def _is_structure(value: Template) -> bool:
    first = value.parts[0]
    return isinstance(first, str) and first.lstrip()[:1] in ("[", "{")


def _constant(value: Any) -> Getter:
    return lambda scope: value


def _accept_ambient(parameter: Parameter) -> Callable[[Any], Any]:
    # a default is the author's own object, and need not be of the declared type
    default = parameter.default
    return lambda value: value if value is default else parameter.accept(value)


def missing(function: KernelFunction, parameter: Parameter, call: Call) -> Diagnostic:
    return Diagnostic.error(
        "missing-argument",
        f"{function.full_name} needs {parameter.name}",
        call.place,
        f"it is {function.signature()}",
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _kinds(annotation: Any) -> frozenset[str]:
    """Coarse kinds of a type: what can never fit can be told from these alone. Empty means unknown."""
    try:
        return _cached_kinds(annotation)
    except TypeError:  # an annotation that cannot be hashed
        return _told_kinds(annotation)


def _told_kinds(annotation: Any) -> frozenset[str]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        kinds = [_kinds(part) for part in get_args(annotation)]
        return frozenset().union(*kinds) if all(kinds) else frozenset()
    plain = origin or annotation
    for kind, members in (("number", (int, float)), ("text", (str,)), ("list", (list,)), ("object", (dict,))):
        if plain in members or (plain is bool and kind == "number"):
            return frozenset({kind})
    return frozenset({"nothing"}) if annotation is type(None) else frozenset()


_cached_kinds = lru_cache(maxsize=1024)(_told_kinds)


def _never_fits(produced: Any, expected: Any) -> bool:
    """Whether no value of one type can be taken as the other. Text is never refused here: it may be JSON."""
    if produced is Any or produced is expected:
        return False
    given, taken = _kinds(produced), _kinds(expected)
    if not given or not taken or "text" in given or given & taken:
        return False
    return not (given <= {"number"} and "text" in taken)


def _kind(annotation: Any) -> str:
    return " or ".join(sorted(_kinds(annotation))).replace("list", "a list").replace("object", "an object")
