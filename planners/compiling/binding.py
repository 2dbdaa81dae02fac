"""Arguments of one call: which parameter each names, and where each value comes from."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

from planloom.function import KernelFunction, reason
from planloom.parameter import Parameter
from planloom.planners.compiling import getters
from planloom.planners.compiling.names import Names
from planloom.planners.compiling.outline import Draft
from planloom.planners.compiling.program import Getter
from planloom.planners.compiling.structures import structure
from planloom.planners.language.diagnostic import Diagnostic
from planloom.planners.language.nodes import Argument, Call
from planloom.planners.language.references import Reference, ReferenceSyntaxError, Template, Text, parse_value

__all__ = ["Bound", "bind_call"]


@dataclass(slots=True)
class Bound:
    """The arguments of a call by Python name: constants, getters for the rest, and constants to be copied.

    ``given`` is each parameter's argument as the plan writes its name.
    """

    constants: dict[str, Any] = field(default_factory=dict)
    getters: list[tuple[str, Getter]] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)


def bind_call(
    call: Call, draft: Draft, function: KernelFunction, names: Names, bound: Bound
) -> Iterator[Diagnostic]:
    """Bind a call's arguments, giving every diagnostic."""
    for argument in call.arguments:
        parameter = function.parameter(argument.name)
        if parameter is None:
            yield _unknown(argument, function)
        elif parameter.key in bound.given:
            yield _twice(argument, parameter, bound.given[parameter.key])
        else:
            bound.given[parameter.key] = argument.name
            yield from _bind_written(argument, parameter, function, draft, names, bound)
    for parameter in function.parameters:
        if parameter.key not in bound.given:
            yield from _bind_omitted(call, parameter, function, draft, names, bound)


def _unknown(argument: Argument, function: KernelFunction) -> Diagnostic:
    return Diagnostic.error(
        "unknown-argument",
        f"{function.full_name} has no parameter {argument.name!r}",
        argument.place,
        f"it is {function.signature()}",
    )


def _twice(argument: Argument, parameter: Parameter, earlier: str) -> Diagnostic:
    return Diagnostic.error(
        "bad-argument",
        f"{argument.name!r} and {earlier!r} are both the parameter {parameter.name!r}",
        argument.place,
        "give it once; input= always names the first parameter",
    )


def _bind_written(
    argument: Argument,
    parameter: Parameter,
    function: KernelFunction,
    draft: Draft,
    names: Names,
    bound: Bound,
) -> Iterator[Diagnostic]:
    try:
        value = parse_value(argument.text)
    except ReferenceSyntaxError as error:
        yield Diagnostic.error("bad-reference", str(error), argument.place)
        return
    if isinstance(value, Text):
        yield from _bind_literal(value.text, argument, parameter, function, bound)
    elif isinstance(value, Reference):
        yield from _bind_reference(value, argument, parameter, function, draft, names, bound)
    else:
        yield from _bind_template(value, argument, parameter, draft, names, bound)


def _bind_literal(
    text: str, argument: Argument, parameter: Parameter, function: KernelFunction, bound: Bound
) -> Iterator[Diagnostic]:
    try:
        value = parameter.from_text(text)
    except ValueError as error:
        yield Diagnostic.error(
            "bad-argument",
            f"{argument.name}={_short(text)} is no {parameter.type_name}: {reason(error)}",
            argument.place,
            f"it is {function.signature()}",
        )
        return
    bound.constants[parameter.key] = value
    if getters.isolated(value) is not value:
        bound.copied.append(parameter.key)


def _bind_reference(
    value: Reference,
    argument: Argument,
    parameter: Parameter,
    function: KernelFunction,
    draft: Draft,
    names: Names,
    bound: Bound,
) -> Iterator[Diagnostic]:
    getter, diagnostics = names.getter(value, draft, argument.place)
    yield from diagnostics
    produced = names.annotation(value, draft)
    if _never_fits(produced, parameter.annotation):
        yield Diagnostic.error(
            "bad-argument",
            f"${value.name} is {_kind(produced)} and {argument.name} takes {parameter.type_name}",
            argument.place,
            f"refer to a part of it, or use another function; it is {function.signature()}",
        )
    bound.getters.append((parameter.key, _passed(getter, parameter.accept)))


def _passed(getter: Getter, accept: Callable[[Any], Any]) -> Getter:
    isolated = getters.isolated
    return lambda scope: isolated(accept(getter(scope)))


def _bind_template(
    value: Template, argument: Argument, parameter: Parameter, draft: Draft, names: Names, bound: Bound
) -> Iterator[Diagnostic]:
    parts: list[str | Getter] = []
    for part in value.parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        getter, diagnostics = names.getter(part, draft, argument.place)
        yield from diagnostics
        parts.append(getter)
    if parameter.takes_text or not _is_structure(value):
        convert = parameter.from_text
        bound.getters.append((parameter.key, getters.converted(getters.joined(tuple(parts)), convert)))
        return
    try:
        getter = structure(tuple(parts))
    except ValueError as error:
        message = f"{argument.name} takes {parameter.type_name}, and this is no JSON: {error}"
        yield Diagnostic.error("bad-argument", message, argument.place, 'write it as ["$A", "$B"]')
        return
    bound.getters.append((parameter.key, _passed(getter, parameter.accept)))


def _is_structure(value: Template) -> bool:
    first = value.parts[0]
    return isinstance(first, str) and first.lstrip()[:1] in ("[", "{")


def _bind_omitted(
    call: Call, parameter: Parameter, function: KernelFunction, draft: Draft, names: Names, bound: Bound
) -> Iterator[Diagnostic]:
    """Design 3.3: the previous output, a plan input of the same name, the default, or an error."""
    first = parameter is function.parameters[0]
    if first and parameter.required:
        getter, faults = names.previous(draft, parameter.name, call.place)
        yield from faults
        bound.getters.append((parameter.key, _passed(getter, parameter.accept)))
    elif names.may_be_input(parameter.name):
        default = None if parameter.required else _constant(parameter.default)
        getter = names.ambient(parameter.name, default, call.place, f"{function.full_name} {parameter.name}")
        bound.getters.append((parameter.key, _passed(getter, _accept_ambient(parameter))))
    elif parameter.required:
        yield missing(function, parameter, call)


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
    given, taken = _kinds(produced), _kinds(expected)
    if not given or not taken or "text" in given or given & taken:
        return False
    return not (given <= {"number"} and "text" in taken)


def _kind(annotation: Any) -> str:
    return " or ".join(sorted(_kinds(annotation))).replace("list", "a list").replace("object", "an object")
