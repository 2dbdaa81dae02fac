"""Prompt templates: compiled once, rendered many times."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

from planloom.errors import TemplateError

__all__ = ["TEMPLATE_FORMATS", "FunctionCaller", "PromptTemplate", "compile_template"]

FunctionCaller = Callable[[str, tuple[Any, ...], Mapping[str, Any]], Awaitable[Any]]
"""Calls a function for a template: its name, at most one positional argument, the named ones."""

TEMPLATE_FORMATS = ("semantic-kernel", "jinja2")


class PromptTemplate(Protocol):
    """A compiled template. It may be rendered by many tasks at once."""

    @property
    def text(self) -> str: ...

    @property
    def variables(self) -> tuple[str, ...]:
        """The names that it refers to, in order, each once."""
        ...

    async def render(self, variables: Mapping[str, Any], call: FunctionCaller) -> str:
        """The prompt as markup, to be split by `parse_messages`.

        Values and what functions return are escaped unless trusted, and never read as a template. A
        variable that is missing or None renders as nothing.

        Raises:
            TemplateError: it cannot be rendered with these values.
            PlanloomError: whatever ``call`` raises.
        """
        ...


def compile_template(
    text: str,
    format: str = "semantic-kernel",
    *,
    trusted: Collection[str] = (),
    all_trusted: bool = False,
) -> PromptTemplate:
    """Read a template.

    Args:
        text: the template. It is trusted: its ``<message>`` tags count.
        format: ``"semantic-kernel"`` or ``"jinja2"`` (sandboxed).
        trusted: variables whose text is put in as it is, as if it were part of the template's text: it
            may open messages of its own. It is still not a template.
        all_trusted: every variable, and whatever functions return, is put in so.

    Raises:
        TemplateError: the text is wrong, or the format is unknown.
    """
    if format == "semantic-kernel":
        from planloom.prompts.semantic_kernel import compile_semantic_kernel

        return compile_semantic_kernel(text, trusted, all_trusted)
    if format == "jinja2":
        from planloom.prompts.jinja import compile_jinja

        return compile_jinja(text, trusted, all_trusted)
    raise TemplateError(
        f"Templates of format {format!r} are not supported; use {' or '.join(TEMPLATE_FORMATS)}.", text
    )
