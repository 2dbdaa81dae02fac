"""``@kernel_function``: marks a callable for registration and declares what a call does to the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

__all__ = ["Declaration", "Effect", "declaration_of", "kernel_function"]

Effect = Literal["none", "read", "write"]
F = TypeVar("F", bound=Callable[..., Any])

ATTRIBUTE = "__planloom_function__"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a function's author said of it; None means: take it from the function itself."""

    name: str | None = None
    description: str | None = None
    effect: Effect = "write"
    touches: tuple[str, ...] | None = None
    idempotent: bool = False
    retries: int = 0
    timeout: float | None = None
    source: str = ""
    secret: bool | None = None
    runs_on: str = ""


@overload
def kernel_function(function: F, /) -> F: ...
@overload
def kernel_function(
    *,
    name: str | None = None,
    description: str | None = None,
    effect: Effect = "write",
    touches: tuple[str, ...] | None = None,
    idempotent: bool = False,
    retries: int = 0,
    timeout: float | None = None,
    source: str = "",
    secret: bool | None = None,
    runs_on: str = "",
) -> Callable[[F], F]: ...


def kernel_function(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    effect: Effect = "write",
    touches: tuple[str, ...] | None = None,
    idempotent: bool = False,
    retries: int = 0,
    timeout: float | None = None,
    source: str = "",
    secret: bool | None = None,
    runs_on: str = "",
) -> F | Callable[[F], F]:
    """Declare a function that plans may call.

    Args:
        name: what plans call it; the Python name without a trailing underscore if left out.
        description: what it does, for planners; the docstring's first paragraph if left out.
        effect: what a call does to the world: ``"none"``, ``"read"`` or ``"write"`` (the default, and the
            only safe guess).
        touches: the resources that it reads or writes; its skill if left out. Calls on one resource keep
            their order in the plan when either of them writes.
        idempotent: calling it again with the same arguments changes nothing more.
        retries: how many times a failed call is tried again.
        timeout: seconds that one try may take.
        source: where its output comes from, as a policy's rules may name it: ``"email"``, ``"web"``.
        secret: whether its output stays out of events, errors and saved files; left out, it does when one of
            its arguments does.
        runs_on: the name of where it must run, for engines that have several places: a machine with a GPU,
            one with credentials.

    Raises:
        ValueError: ``effect`` is not one of the three, or ``retries`` or ``timeout`` is negative.
    """
    if effect not in ("none", "read", "write"):
        raise ValueError(f"effect must be 'none', 'read' or 'write', not {effect!r}")
    if retries < 0 or (timeout is not None and timeout <= 0):
        raise ValueError("retries must be 0 or more, and timeout more than 0 seconds")
    if isinstance(touches, str):
        raise ValueError(f"touches takes a tuple of names: touches=({touches!r},)")
    declaration = Declaration(
        name, description, effect, touches, idempotent, retries, timeout, source, secret, runs_on
    )

    def declare(target: F) -> F:
        setattr(target, ATTRIBUTE, declaration)
        return target

    return declare if function is None else declare(function)


def declaration_of(target: object) -> Declaration | None:
    """The declaration on ``target``, whether made here or by semantic-kernel's decorator; else None.

    semantic-kernel marks functions with plain attributes (``__kernel_function__`` and others), so they are
    understood without importing it. It declares no effects, so such a function counts as a write.
    """
    found = getattr(target, ATTRIBUTE, None)
    if isinstance(found, Declaration):
        return found
    if getattr(target, "__kernel_function__", False) is not True:
        return None
    name = getattr(target, "__kernel_function_name__", None)
    description = getattr(target, "__kernel_function_description__", None)
    return Declaration(name=name or None, description=description or None)
