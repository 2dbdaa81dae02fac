"""Skills: named sets of functions, made from objects, classes, modules or mappings.

Only what is declared becomes callable: methods and functions with ``@kernel_function``, or the callables that
a mapping lists by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from planloom.decorator import Declaration, declaration_of
from planloom.docstring import summary
from planloom.errors import NameClashError, RegistrationError
from planloom.function import KernelFunction, native_function
from planloom.names import check_name

__all__ = ["Skill", "skill_from"]


@dataclass(frozen=True)
class Skill:
    """A named set of functions."""

    name: str
    description: str
    functions: Mapping[str, KernelFunction]

    def __iter__(self) -> Iterator[KernelFunction]:
        return iter(self.functions.values())


def skill_from(source: object, name: str | None = None) -> Skill:
    """The skill that an object, class, module or mapping of callables holds.

    Raises:
        RegistrationError: it holds no function, or a class cannot be made without arguments.
    """
    owner = _instance(source) if inspect.isclass(source) else source
    skill_name = check_name(name or _default_name(source), "skill")
    functions: dict[str, KernelFunction] = {}
    for target, declaration, listed_name in _declared(owner):
        function = native_function(target, skill_name, declaration, listed_name)
        check_name(function.name, "function")
        if function.name.lower() in functions:
            raise NameClashError(f"Skill {skill_name} has two functions called {function.name}.", source)
        functions[function.name.lower()] = function
    if not functions:
        raise RegistrationError(
            f"{skill_name} has no functions: put @kernel_function on those that plans may call.", source
        )
    by_name = {function.name: function for function in functions.values()}
    return Skill(skill_name, _description(source), by_name)


def _instance(source: type) -> object:
    try:
        return source()
    except TypeError as error:
        raise RegistrationError(
            f"{source.__name__} cannot be made without arguments ({error}); pass an instance: "
            f"kernel.add_skill({source.__name__}(...)).",
            source,
        ) from error


def _default_name(source: object) -> str:
    if isinstance(source, Mapping):
        raise RegistrationError("A mapping of functions needs a name: kernel.add_skill(functions, name=...).")
    if isinstance(source, ModuleType):
        return source.__name__.rpartition(".")[2]
    declared = getattr(source, "skill_name", None)
    if isinstance(declared, str):
        return declared
    return source.__name__ if inspect.isclass(source) else type(source).__name__


def _description(source: object) -> str:
    if isinstance(source, Mapping):
        return ""
    kind = source if inspect.isclass(source) or isinstance(source, ModuleType) else type(source)
    return summary(kind.__doc__)


def _declared(owner: object) -> Iterator[tuple[Callable[..., Any], Declaration, str | None]]:
    if isinstance(owner, Mapping):
        yield from _listed(owner)
        return
    for attribute in _attributes(owner):
        # getattr_static: looking for functions must not run anyone's properties
        raw = inspect.getattr_static(owner, attribute)
        declaration = declaration_of(raw.__func__ if isinstance(raw, classmethod | staticmethod) else raw)
        if declaration is not None:
            yield getattr(owner, attribute), declaration, None


def _attributes(owner: object) -> list[str]:
    if isinstance(owner, ModuleType):
        return list(vars(owner))
    kinds = reversed(type(owner).__mro__)
    return list(dict.fromkeys([name for kind in kinds for name in vars(kind)] + list(vars_of(owner))))


def vars_of(owner: object) -> Mapping[str, object]:
    return getattr(owner, "__dict__", {})


def _listed(
    functions: Mapping[Any, Any],
) -> Iterator[tuple[Callable[..., Any], Declaration, str]]:
    for name, target in functions.items():
        if not callable(target):
            raise RegistrationError(f"{name!r} is not callable.", target)
        yield target, declaration_of(target) or Declaration(), str(name)
