"""Functions that are prompts: a template is rendered and a model's answer is the result."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from planloom.filters import PromptContext, run_onion
from planloom.function import KernelFunction
from planloom.parameter import REQUIRED, Parameter
from planloom.prompts import PromptConfig, PromptTemplate, compile_template, parse_messages
from planloom.services.protocol import ChatMessage, Completion, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from planloom.kernel import Kernel

__all__ = ["OUTPUT_SINK", "prompt_function"]

OUTPUT_SINK: ContextVar[Callable[[str], None] | None] = ContextVar("planloom_output_sink", default=None)
"""Where the text of a prompt function goes while a model writes it; set by whoever wants to show it."""


def prompt_function(kernel: Kernel, skill: str, name: str, config: PromptConfig) -> KernelFunction:
    """A kernel function over a prompt; it changes nothing in the world, so its effect is ``none``.

    Raises:
        TemplateError: the template is wrong.
    """
    template = compile_template(
        config.template,
        config.template_format,
        trusted=[item.name for item in config.inputs if item.trusted],
        all_trusted=config.trusted,
    )
    runner = _PromptRunner(kernel, skill, config, template)
    runner.function = KernelFunction(
        skill=skill,
        name=name,
        target=runner.run,
        description=config.description,
        kind="prompt",
        effect="none",
        declared_parameters=_parameters(config, template),
        declared_returns=str,
    )
    return runner.function


def _parameters(config: PromptConfig, template: PromptTemplate) -> tuple[Parameter, ...]:
    declared = [
        Parameter(
            name=item.name,
            annotation=Any,
            description=item.description,
            default=REQUIRED if item.required and item.default is None else item.default or "",
        )
        for item in config.inputs
    ]
    known = {parameter.name.lower() for parameter in declared}
    found = [Parameter(name=name, annotation=Any) for name in template.variables if name.lower() not in known]
    # ``input`` first, so that it is what takes the previous step's output
    return tuple(sorted([*declared, *found], key=lambda parameter: parameter.name.lower() != "input"))


class _PromptRunner:
    """Renders and asks, for one prompt function."""

    function: KernelFunction

    def __init__(self, kernel: Kernel, skill: str, config: PromptConfig, template: PromptTemplate) -> None:
        self.kernel, self.skill, self.config, self.template = kernel, skill, config, template

    async def run(self, **variables: Any) -> str:
        defaults = {item.name: item.default for item in self.function.parameters if not item.required}
        context = PromptContext(self.kernel, self.function, defaults | variables)
        filters = self.kernel.filters("prompt")
        if filters:
            await run_onion(filters, context, self._answer)
        else:
            await self._answer(context)
        return "" if context.result is None else str(context.result)

    async def _answer(self, context: PromptContext) -> None:
        rendered = await self.template.render(context.variables, self._call)
        context.messages = parse_messages(rendered)
        service = self._service_name()
        settings = self.config.settings.get(service or "default") or self.config.settings.get("default")
        completion = await self._complete(context.messages, settings or Settings(), service)
        context.result = completion.text.strip()

    def _service_name(self) -> str | None:
        """The first service that the prompt names and the kernel has; else the kernel's default."""
        wanted = (*self.config.services, *self.config.settings)
        return next((name for name in wanted if name in self.kernel.services), None)

    async def _complete(
        self, messages: tuple[ChatMessage, ...], settings: Settings, service: str | None
    ) -> Completion:
        sink = OUTPUT_SINK.get()
        if sink is None:
            return await self.kernel.complete(messages, settings, service=service)
        return await self.kernel.complete_streaming(messages, settings, sink, service=service)

    async def _call(self, name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        full_name = name if "." in name else f"{self.skill}.{name}"
        first = {"input": positional[0]} if positional else {}
        return await self.kernel.invoke_with(full_name, {**first, **named})
