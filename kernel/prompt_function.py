"""Functions that are prompts: a template is rendered and a model's answer is the result."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from planloom.errors import TemplateError
from planloom.filters import PromptContext, run_onion
from planloom.function import KernelFunction
from planloom.parameter import REQUIRED, Parameter
from planloom.prompts import FunctionCaller, PromptConfig, PromptTemplate, parse_messages
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
    template = config.compile()
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

    async def run(self, /, **variables: Any) -> str:
        defaults = {item.name: item.default for item in self.function.parameters if not item.required}
        context = PromptContext(self.kernel, self.function, defaults | variables)
        filters = self.kernel.filters("prompt")
        if filters:
            await run_onion(filters, context, self._answer)
        else:
            await self._answer(context)
        return "" if context.result is None else str(context.result)

    async def _answer(self, context: PromptContext) -> None:
        rendered = await self.template.render(context.variables, self._caller(context.variables))
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

    def _caller(self, variables: Mapping[str, Any]) -> FunctionCaller:
        """Calls a function that the template names; what the call leaves out is taken from its variables."""

        async def call(name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
            function = self.kernel.functions[name if "." in name else f"{self.skill}.{name}"]
            arguments = _template_arguments(function, positional, named)
            given = {parameter.key for parameter in map(function.parameter, arguments) if parameter}
            around = {key.lower(): value for key, value in variables.items()}
            for parameter in function.parameters:
                if parameter.required and parameter.key not in given and parameter.name.lower() in around:
                    arguments[parameter.name] = around[parameter.name.lower()]
            return await self.kernel.call(function, function.bind(arguments))

        return call


def _template_arguments(
    function: KernelFunction, positional: tuple[Any, ...], named: Mapping[str, Any]
) -> dict[str, Any]:
    if not positional:
        return dict(named)
    if not function.parameters:
        raise TemplateError(f"{function.full_name} takes no arguments, and the template gives it one.")
    first = function.parameters[0].name
    if any(function.parameter(name) is function.parameters[0] for name in named):
        raise TemplateError(f"{function.full_name}: the template gives {first} twice, by place and by name.")
    return {first: positional[0], **named}
