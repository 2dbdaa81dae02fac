"""One callable that plans may use: a native Python function or a prompt."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from planloom.annotation import hides_value
from planloom.decorator import Declaration, Effect
from planloom.docstring import summary
from planloom.errors import ArgumentError
from planloom.object_schema import object_schema
from planloom.parameter import Parameter
from planloom.signature import Contract, contract_of, plan_name
from planloom.threads import in_thread

__all__ = ["KernelFunction", "native_function"]

Kind = Literal["native", "prompt"]


@dataclass(frozen=True, eq=False)
class KernelFunction:
    """A registered function. ``target`` takes the arguments by their Python names.

    ``effect`` is what a call does to the world; ``resources`` are what it reads or writes. ``retries`` counts
    further tries after a failed one; ``timeout`` is in seconds and for one try. ``source`` names where the
    output comes from, for policies; ``secret`` keeps it out of events, errors and saved files.
    ``runs_on`` names where it must run, for engines that have several places.
    """

    skill: str
    name: str
    target: Callable[..., Any]
    description: str = ""
    kind: Kind = "native"
    effect: Effect = "write"
    touches: tuple[str, ...] | None = None
    idempotent: bool = False
    retries: int = 0
    timeout: float | None = None
    source: str = ""
    secret: bool | None = None
    runs_on: str = ""
    declared_parameters: tuple[Parameter, ...] | None = None
    declared_returns: Any = None

    @cached_property
    def full_name(self) -> str:
        return f"{self.skill}.{self.name}"

    @cached_property
    def resources(self) -> tuple[str, ...]:
        return (self.skill,) if self.touches is None else self.touches

    @cached_property
    def _contract(self) -> Contract:
        return contract_of(self.target, self.full_name)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """In the order of the signature; the first is the one that takes the previous step's output."""
        if self.declared_parameters is not None:
            return self.declared_parameters
        return self._contract.parameters

    @cached_property
    def returns(self) -> Any:
        """The declared return type; Any when nothing is declared."""
        if self.declared_returns is not None:
            return self.declared_returns
        return self._contract.returns

    @cached_property
    def handles_secrets(self) -> bool:
        """Whether it declares its output to be secret, or a parameter or its output hides its value."""
        hidden = (hides_value(parameter.annotation) for parameter in self.parameters)
        return bool(self.secret) or hides_value(self.returns) or any(hidden)

    @cached_property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.target) or inspect.iscoroutinefunction(
            getattr(self.target, "__call__", None)  # noqa: B004 - objects with an async __call__
        )

    @cached_property
    def _by_name(self) -> dict[str, Parameter]:
        return {parameter.name.lower(): parameter for parameter in self.parameters}

    @cached_property
    def renamed(self) -> dict[str, str]:
        """Python name -> plan name of the parameters where they differ."""
        return {
            parameter.key: parameter.name for parameter in self.parameters if parameter.key != parameter.name
        }

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name, without regard to case; ``input`` names the first one."""
        found = self._by_name.get(name.lower())
        if found is None and name.lower() == "input" and self.parameters:
            return self.parameters[0]
        return found

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments as one object."""
        return object_schema(
            {parameter.name: parameter.schema for parameter in self.parameters},
            [parameter.name for parameter in self.parameters if parameter.required],
        )

    def signature(self) -> str:
        """``Skill.name(first: str, second: int = 5)``, for messages."""
        shown = ", ".join(
            f"{p.name}: {p.type_name}" + ("" if p.required else f" = {p.default!r}") for p in self.parameters
        )
        return f"{self.full_name}({shown})"

    def bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Checked arguments by Python name, from arguments by plan name.

        Raises:
            ArgumentError: one is missing, unknown or of the wrong type.
        """
        bound: dict[str, Any] = {}
        for name, value in arguments.items():
            parameter = self.parameter(name)
            if parameter is None or parameter.key in bound:
                raise ArgumentError(self.full_name, name, f"is not taken: {self.signature()}")
            bound[parameter.key] = self.check(parameter, value)
        for parameter in self.parameters:
            if parameter.required and parameter.key not in bound:
                raise ArgumentError(self.full_name, parameter.name, f"is missing: {self.signature()}")
        return bound

    def check(self, parameter: Parameter, value: Any) -> Any:
        """``value`` as the parameter takes it; raises ``ArgumentError``."""
        try:
            return parameter.accept(value)
        except ValueError as error:
            raise ArgumentError(
                self.full_name,
                parameter.name,
                f"takes {parameter.type_name}, not {type(value).__name__}: {reason(error)}",
            ) from None

    def call(self, arguments: Mapping[str, Any]) -> Awaitable[Any]:
        """Call with arguments that ``bind`` has checked; a sync function runs in a worker thread."""
        if self.is_async:
            awaitable: Awaitable[Any] = self.target(**arguments)
            return awaitable
        return self._in_thread(arguments)

    async def _in_thread(self, arguments: Mapping[str, Any]) -> Any:
        value = await in_thread(_called, self.target, arguments)
        # a plain callable may still hand back a coroutine: a lambda or a partial around an async function
        return await value if inspect.isawaitable(value) else value


def _called(target: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    try:
        return target(**arguments)
    except StopIteration as error:
        # asyncio cannot pass it on from a thread: whoever awaits it would wait for ever
        raise RuntimeError("the function raised StopIteration") from error


def reason(error: ValueError) -> str:
    """Why a value was refused, without repeating the value: it may be long, or secret."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    found = errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(_located(item) for item in found[:3])


def _located(item: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in item["loc"])
    return f"{place}: {item['msg']}" if place else str(item["msg"])


def native_function(
    target: Callable[..., Any], skill: str, declaration: Declaration, name: str | None = None
) -> KernelFunction:
    """A kernel function over a Python callable."""
    called = name or declaration.name or plan_name(getattr(target, "__name__", ""))
    return KernelFunction(
        skill=skill,
        name=called,
        target=target,
        description=declaration.description or summary(target.__doc__),
        effect=declaration.effect,
        touches=declaration.touches,
        idempotent=declaration.idempotent,
        retries=declaration.retries,
        timeout=declaration.timeout,
        runs_on=declaration.runs_on,
        source=declaration.source,
        secret=declaration.secret,
    )
