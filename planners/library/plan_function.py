"""A stored plan as a function that later plans can call."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from keyword import iskeyword
from typing import Annotated, Any

from planloom.decorator import Effect, kernel_function
from planloom.planners.language.references import Reference, parse_value
from planloom.planners.language.variables import INPUT, variable_key
from planloom.planners.plan import Plan
from planloom.planners.running.records import RunResult

__all__ = ["plan_function", "value_of"]

STRENGTH: tuple[Effect, ...] = ("none", "read", "write")


def plan_function(
    name: str, description: str, plan: Plan, run: Callable[[Mapping[str, Any]], Awaitable[Any]]
) -> Callable[..., Awaitable[Any]]:
    """A function whose parameters are the inputs of ``plan``; it calls ``run`` with them.

    It has the strongest effect of the plan's functions and touches all that they touch.
    """
    keys = {_python_name(given): given for given in _input_first(plan)}

    async def call(**arguments: Any) -> Any:
        return await run({keys[key]: value for key, value in arguments.items()})

    call.__name__ = name
    call.__annotations__ = {key: _annotation(plan, given) for key, given in keys.items()} | {"return": Any}
    parameters = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, annotation=call.__annotations__[key])
        for key in keys
    ]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # inspect reads it
    functions = [step.function for step in plan.steps if step.function is not None]
    declare = kernel_function(
        name=name,
        description=description,
        effect=max((function.effect for function in functions), key=STRENGTH.index, default="none"),
        touches=tuple(sorted({resource for function in functions for resource in function.resources})),
    )
    return declare(call)


def value_of(result: RunResult) -> Any:
    """What a plan gives when it is called as a function: its one result, several by name, or its text."""
    if len(result.results) == 1:
        return next(iter(result.results.values()))
    return dict(result.results) or result.text


def _input_first(plan: Plan) -> list[str]:
    """The plan's inputs, with the run's own input in front: it takes the previous step's output."""
    return sorted(plan.inputs, key=lambda name: variable_key(name) != variable_key(INPUT))


def _python_name(name: str) -> str:
    return f"{name}_" if iskeyword(name) else name


def _annotation(plan: Plan, name: str) -> Any:
    """The type and description of the first parameter that the input is passed to, as it is."""
    for step in plan.steps:
        for argument, text in step.arguments.items():
            parameter = step.function.parameter(argument) if step.function else None
            value = parse_value(text)
            if parameter and isinstance(value, Reference) and value.key == variable_key(name):
                return (
                    parameter.annotation
                    if value.path
                    else Annotated[parameter.annotation, parameter.description]
                )
    return Any
