"""The syntax tree of a plan: what the text says, before it is checked against a kernel.

Places take no part in equality: two texts that say the same give equal trees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Argument", "Ask", "Call", "ForEach", "If", "Node", "Place", "PlanTree", "Result"]


class Place(NamedTuple):
    """Where something stands in the text; line and column count from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as written, entities decoded; ``name`` keeps the writer's spelling."""

    name: str
    text: str
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """``<function.Skill.Name …/>``."""

    function: str
    """``Skill.Name``, in the writer's spelling of the names."""
    arguments: tuple[Argument, ...] = ()
    sets: str | None = None
    appends: str | None = None
    after: tuple[str, ...] = ()
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """``<ask setContextVariable="CITY" question="Which city?"/>``."""

    sets: str
    question: str
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Result:
    """``<result name="RESULT__TOTAL" value="$BILL.total"/>``."""

    name: str
    value: str
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class If:
    """``<if condition="…">…</if>`` with its ``<else>``, if there is one."""

    condition: str
    then: tuple[Node, ...]
    otherwise: tuple[Node, ...] = ()
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class ForEach:
    """``<foreach item="X" in="$LIST">…</foreach>``."""

    item: str
    source: str
    body: tuple[Node, ...]
    place: Place = field(default=Place(), compare=False)


Node = Call | Ask | Result | If | ForEach


@dataclass(frozen=True, slots=True)
class PlanTree:
    """A whole plan."""

    nodes: tuple[Node, ...]
