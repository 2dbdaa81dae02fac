"""What describes a prompt function: ``config.json``, or a YAML prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from planloom.errors import PromptConfigError, TemplateError
from planloom.prompts.fields import Fields
from planloom.prompts.inputs import PromptInput, read_inputs, with_undeclared
from planloom.prompts.settings import DEFAULT_SERVICE, read_settings
from planloom.prompts.template import TEMPLATE_FORMATS, PromptTemplate, compile_template
from planloom.services.protocol import Settings

__all__ = ["PromptConfig", "read_config"]

_KNOWN = (
    "schema",
    "type",
    "name",
    "description",
    "template",
    "template_format",
    "input",
    "input_variables",
    "output_variable",
    "completion",
    "default_services",
    "execution_settings",
    "allow_dangerously_set_content",
    "is_sensitive",
)


@dataclass(frozen=True, slots=True)
class PromptConfig:
    """A prompt function: its template, what goes in, and how a model is asked.

    ``settings`` are by service name, ``"default"`` for any other. ``services`` are the services to ask, the
    first one that exists. ``trusted`` puts every value into the prompt as it is (see `compile_template`).
    """

    name: str = ""
    description: str = ""
    template: str = ""
    template_format: str = TEMPLATE_FORMATS[0]
    inputs: tuple[PromptInput, ...] = ()
    settings: Mapping[str, Settings] = field(default_factory=dict)
    services: tuple[str, ...] = ()
    trusted: bool = False

    def compile(self) -> PromptTemplate:
        """The template, trusting what the config trusts; raises TemplateError."""
        trusted = [declared.name for declared in self.inputs if declared.trusted]
        return compile_template(
            self.template, self.template_format, trusted=trusted, all_trusted=self.trusted
        )


def read_config(data: Mapping[str, Any], *, source: object) -> PromptConfig:
    """Read the config of a prompt in the shape of 2023, the current one, or a mixture.

    Variables that the template uses and no input declares become inputs. Where both shapes say something,
    the current one wins.

    Args:
        data: the parsed JSON or YAML.
        source: where it is from (a path), for messages.

    Raises:
        PromptConfigError: a key is misspelt, has the wrong type or cannot be honoured, or the template is
            wrong; it names file and key and says what would be right.
    """
    fields = Fields.of(data, source)
    fields.refuse_misspelt(_KNOWN)
    settings = read_settings(fields)
    template = _with_system_prompt(fields, fields.text("template") or "")
    template_format = fields.text("template_format") or TEMPLATE_FORMATS[0]
    return PromptConfig(
        name=fields.text("name") or "",
        description=fields.text("description") or "",
        template=template,
        template_format=template_format,
        inputs=with_undeclared(read_inputs(fields), _variables(fields, template, template_format)),
        settings=settings,
        services=_services(fields, settings),
        trusted=bool(fields.flag("allow_dangerously_set_content")),
    )


def _with_system_prompt(fields: Fields, template: str) -> str:
    """``completion.chat_system_prompt`` (2023) is the system message before the prompt."""
    legacy = fields.child("completion")
    system = "" if legacy is None else legacy.text("chat_system_prompt") or ""
    return f'<message role="system">{system}</message>\n{template}' if system.strip() else template


def _variables(fields: Fields, template: str, template_format: str) -> tuple[str, ...]:
    try:
        return compile_template(template, template_format).variables
    except TemplateError as error:
        raise PromptConfigError(f"{fields.source}: {error}", fields.source) from error


def _services(fields: Fields, settings: Mapping[str, Settings]) -> tuple[str, ...]:
    """The services named by either shape, in order, each once."""
    legacy = fields.child("completion")
    older = () if legacy is None else legacy.texts("default_services")
    named = (name for name in settings if name != DEFAULT_SERVICE)
    return tuple(dict.fromkeys([*fields.texts("default_services"), *older, *named]))
