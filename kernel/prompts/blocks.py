"""What a ``semantic-kernel`` template is made of, once read."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Argument", "Block", "Call", "FunctionId", "NamedArgument", "Text", "Token", "Value", "Variable"]


@dataclass(frozen=True, slots=True)
class Text:
    """Template text outside of any block; it is rendered as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    """``$name``, kept without the dollar."""

    name: str


@dataclass(frozen=True, slots=True)
class Value:
    """``'text'`` or ``"text"``, kept without its quotes and escapes; rendered as it is."""

    text: str


Argument = Variable | Value


@dataclass(frozen=True, slots=True)
class FunctionId:
    """``function`` or ``skill.function``."""

    name: str


@dataclass(frozen=True, slots=True)
class NamedArgument:
    """``name=$variable`` or ``name='value'``."""

    name: str
    value: Argument


Token = FunctionId | Variable | Value | NamedArgument


@dataclass(frozen=True, slots=True)
class Call:
    """``{{skill.function $positional name='value'}}``."""

    function: str
    positional: Argument | None = None
    named: tuple[NamedArgument, ...] = ()


Block = Text | Variable | Value | Call
