"""What the tuned model is shown. It was trained on just this form: whoever changes it must train it anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from planloom.function import KernelFunction
from planloom.planners.catalogue import entry
from planloom.planners.drafting.copies import copied
from planloom.services.protocol import ChatMessage

__all__ = ["NOTHING", "draft_messages"]

NOTHING = "none\n"
"""The draft of a plan for a goal that cannot be reached."""


def draft_messages(
    goal: str, functions: Iterable[KernelFunction], inputs: Sequence[str], near: Sequence[Sequence[str]]
) -> tuple[ChatMessage, ChatMessage]:
    """The functions, which many goals share, then the goal.

    Args:
        near: for each clause of the goal the names of the functions nearest to it, if that is known.
    """
    lines = [copied(goal)]
    if inputs:
        lines.append(f"Inputs: {', '.join(inputs)}")
    if near:
        lines.append(f"Near: {'; '.join(', '.join(names) for names in near)}")
    offered = "\n".join(entry(function) for function in functions)
    return ChatMessage("system", offered), ChatMessage("user", "\n".join(lines))
