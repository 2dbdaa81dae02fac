"""A model file's own chat template, applied so that no message can forge the template's markers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from planloom.errors import TemplateError
from planloom.services.protocol import ChatMessage, Role

__all__ = ["Segment", "render_chat"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a prompt: the template's own text, whose markers count, or a message's, whose do not.

    ``role`` is that of the message; None for the template's text.
    """

    text: str
    role: Role | None = None


def render_chat(
    template: str | None, messages: Sequence[ChatMessage], *, bos_token: str = "", eos_token: str = ""
) -> list[Segment]:
    """The prompt for ``messages``, ending where the model's answer begins.

    Args:
        template: the Jinja text from the model file; with None (a base model) the messages are joined by
            empty lines.
        bos_token, eos_token: the texts that the template may refer to by these names.

    Raises:
        TemplateError: the model's template cannot be applied, for example to a role that it does not know.
    """
    if template is None:
        return [Segment("\n\n".join(message.content for message in messages) + "\n\n", "user")]
    # The contents are put in after rendering: a content that spells a marker must stay plain text.
    marks = [f"\ue000{number}\ue001" for number in range(len(messages))]
    named = [{"role": message.role, "content": mark} for message, mark in zip(messages, marks, strict=True)]
    text = _render(template, named, bos_token, eos_token)
    return [segment for segment in _split(text, marks, messages) if segment.text]


def _render(template: str, messages: Sequence[dict[str, str]], bos_token: str, eos_token: str) -> str:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    # No strftime_now, which some templates would use: the same messages must give the same prompt tomorrow.
    environment.globals["raise_exception"] = _refuse
    try:
        return environment.from_string(template).render(
            messages=messages, add_generation_prompt=True, bos_token=bos_token, eos_token=eos_token
        )
    except JinjaError as error:
        raise TemplateError(f"the model's chat template cannot be applied: {error}", template) from error


def _refuse(message: str) -> NoReturn:
    raise JinjaError(message)


def _split(text: str, marks: Sequence[str], messages: Sequence[ChatMessage]) -> list[Segment]:
    segments = []
    for mark, message in zip(marks, messages, strict=True):
        before, found, after = text.partition(mark)
        if not found:
            raise TemplateError(
                f"the model's chat template leaves out the {message.role} message; "
                "it may not know that role, or want the roles in another order."
            )
        segments += [Segment(before), Segment(message.content, message.role)]
        text = after
    return [*segments, Segment(text)]
