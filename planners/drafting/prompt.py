"""What the tuned model is shown. It was trained on just this form: whoever changes it must train it anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from planloom.function import KernelFunction
from planloom.planners.catalogue import entry
from planloom.planners.drafting.copies import copied
from planloom.services.protocol import ChatMessage

__all__ = ["NOTHING", "draft_messages", "goal_messages"]

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
    return _offered(functions), ChatMessage("user", "\n".join(lines))


def goal_messages(draft: str, functions: Iterable[KernelFunction]) -> tuple[ChatMessage, ChatMessage]:
    """The functions, then a draft: the model was also trained to tell the goal that it is for."""
    return _offered(functions), ChatMessage("user", f"Goal of:\n{draft.rstrip()}")


def _offered(functions: Iterable[KernelFunction]) -> ChatMessage:
    return ChatMessage("system", "\n".join(entry(function) for function in functions))
