"""Python as it is: the annotated callables of a module, class, object or mapping, without a decorator."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

from planloom.decorator import Declaration, Effect, declaration_of
from planloom.docstring import summary
from planloom.errors import RegistrationError
from planloom.function import KernelFunction, native_function
from planloom.names import check_name
from planloom.plugins.identifiers import distinct_names
from planloom.skill import Skill

__all__ = ["python_skill"]


def python_skill(
    source: object,
    name: str | None = None,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    effects: Mapping[str, Effect] | None = None,
) -> Skill:
    """The public functions of somebody else's code as a skill.

    Of a module, those in its ``__all__``, or else those that it defines itself; of an object, its public
    methods; of a class, those of an instance that is made without arguments; a callable is itself. What
    cannot be called by name, because it takes ``*args`` or nothing tells what it takes, is left out, or
    refused if ``include`` names it. Every function counts as a write unless ``effects`` or a decorator says
    otherwise.

    Args:
        source: the code.
        name: what plans call the skill; its own name if left out.
        include: patterns on the functions' names; all if left out.
        exclude: patterns of what is left out; it wins.
        effects: what functions do, by pattern: ``{"get*": "read"}``; the first that matches counts.

    Raises:
        RegistrationError: nothing is left, or something that ``include`` names cannot be called by name.
    """
    owner = _instance(source) if inspect.isclass(source) else source
    skill = check_name(name or _name(source), "skill")
    found = {key: target for key, target in _callables(owner) if _is_chosen(key, include, exclude)}
    names = distinct_names({key: key for key in found}, "function")
    made = [
        function
        for key, target in found.items()
        if (function := _function(skill, names[key], target, effects or {}, key in include)) is not None
    ]
    if not made:
        raise RegistrationError(f"{skill} has no function that plans could call: look at include.", source)
    return Skill(skill, summary(inspect.getdoc(source)), {function.name: function for function in made})


def _instance(kind: type) -> object:
    try:
        return kind()
    except TypeError as error:
        raise RegistrationError(
            f"{kind.__name__} cannot be made without arguments ({error}); pass an instance.", kind
        ) from error


def _name(source: object) -> str:
    if isinstance(source, Mapping):
        raise RegistrationError("A mapping of functions needs a name: python_skill(functions, name=...).")
    own = getattr(source, "__name__", type(source).__name__)
    return str(own).rpartition(".")[2]


def _callables(owner: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    if isinstance(owner, Mapping):
        yield from owner.items()
    elif inspect.isroutine(owner):
        yield getattr(owner, "__name__", "call"), owner
    elif isinstance(owner, ModuleType):
        yield from _of_module(owner)
    else:
        yield from _of_object(owner)


def _of_module(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    listed = getattr(module, "__all__", None)
    for name, found in vars(module).items():
        own = getattr(found, "__module__", None) == module.__name__
        if inspect.isroutine(found) and (name in listed if listed is not None else own and name[0] != "_"):
            yield name, found


def _of_object(owner: object) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in dir(type(owner)):
        # getattr_static: looking for functions must not run anyone's properties
        raw = inspect.getattr_static(owner, name)
        if name[0] != "_" and (inspect.isroutine(raw) or isinstance(raw, classmethod | staticmethod)):
            yield name, getattr(owner, name)


def _is_chosen(name: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    return (not include or _first(name, include) is not None) and _first(name, exclude) is None


def _first(name: str, patterns: Sequence[str]) -> str | None:
    return next((pattern for pattern in patterns if fnmatchcase(name, pattern)), None)


def _function(
    skill: str, name: str, target: Any, effects: Mapping[str, Effect], is_named: bool
) -> KernelFunction | None:
    declaration = declaration_of(target) or Declaration(description=summary(inspect.getdoc(target)) or None)
    pattern = _first(name, list(effects))
    if pattern is not None:
        declaration = replace(declaration, effect=effects[pattern])
    function = native_function(_callable_by_name(target), skill, declaration, name)
    try:
        function.parameters  # noqa: B018 - read now, so that what cannot be called is known now
    except RegistrationError:
        if is_named:
            raise
        return None
    return function


def _callable_by_name(target: Callable[..., Any]) -> Callable[..., Any]:
    """The callable itself, or one that takes its positional-only parameters by name."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return target
    kinds = inspect.Parameter
    positional = [one.name for one in signature.parameters.values() if one.kind is kinds.POSITIONAL_ONLY]
    if not positional:
        return target

    def call(**arguments: Any) -> Any:
        given = [arguments.pop(name) for name in positional if name in arguments]
        return target(*given, **arguments)

    by_name = [
        one.replace(kind=kinds.POSITIONAL_OR_KEYWORD) if one.kind is kinds.POSITIONAL_ONLY else one
        for one in signature.parameters.values()
    ]
    call.__signature__ = signature.replace(parameters=by_name)  # type: ignore[attr-defined]  # inspect reads it
    call.__wrapped__ = target  # type: ignore[attr-defined]  # where annotations are looked up
    call.__doc__ = target.__doc__
    return call
