"""The planner's prompt: a jinja2 template over the goal, the functions on offer and the inputs that exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from planloom.errors import TemplateError
from planloom.function import KernelFunction
from planloom.planners.catalogue import entry, kinds_returned
from planloom.prompts import PromptTemplate, compile_template, parse_messages
from planloom.services.protocol import ChatMessage

__all__ = ["DEFAULT_PROMPT", "example_skill", "planner_messages"]

DEFAULT_PROMPT = files("planloom.planners").joinpath("prompt.jinja2").read_text(encoding="utf-8")
EXAMPLE_SKILLS = ("Orchard", "JuiceBar", "PearFarm")


async def planner_messages(
    template: str,
    goal: str,
    functions: Mapping[str, KernelFunction],
    inputs: Sequence[str],
    taken: Collection[str],
) -> tuple[ChatMessage, ...]:
    """The messages that ask a model for a plan.

    Args:
        template: in jinja2, with ``<message role="…">`` elements. It sees ``goal``, ``functions`` (a line of
            text each), ``inputs`` (names), ``kinds`` (what the functions return besides text: ``"list"``,
            ``"object"``, ``"scalar"``) and ``example`` (a skill's name that no registered skill has).
        taken: the names of all registered skills.

    Whatever is in the goal or in a description stays text: it opens no message and is no template.

    Raises:
        TemplateError: the template is wrong.
    """
    variables: dict[str, Any] = {
        "goal": goal,
        "functions": [entry(function) for function in functions.values()],
        "inputs": list(inputs),
        "kinds": sorted(kinds_returned(functions.values())),
        "example": example_skill(taken),
    }
    return parse_messages(await _compiled(template).render(variables, _no_calls))


def example_skill(taken: Collection[str]) -> str:
    """A skill's name for the prompt's example that cannot be mistaken for one in ``taken``."""
    used = {name.lower() for name in taken}
    numbered = (f"{EXAMPLE_SKILLS[0]}{number}" for number in range(2, len(used) + 3))
    return next(name for name in (*EXAMPLE_SKILLS, *numbered) if name.lower() not in used)


@lru_cache(maxsize=64)
def _compiled(template: str) -> PromptTemplate:
    return compile_template(template, "jinja2")


async def _no_calls(name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    raise TemplateError(f"A planner's prompt cannot call functions ({name}).")
