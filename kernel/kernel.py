"""The kernel: holds skills and services, and invokes functions by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from planloom.decorator import Declaration, declaration_of
from planloom.errors import FunctionError, NameClashError, RegistrationError, ServiceNotFoundError
from planloom.filters import Filter, FilterKind, FunctionContext, ModelContext, run_onion
from planloom.function import KernelFunction, native_function
from planloom.functions import FunctionsView
from planloom.names import check_name
from planloom.services.protocol import ChatMessage, ChatService, Completion, Settings, Usage
from planloom.skill import Skill, skill_from
from planloom.sync import run_sync
from planloom.usage import record_usage, require_budget

if TYPE_CHECKING:
    from planloom.prompts import PromptConfig

__all__ = ["Kernel"]

MAX_DEPTH = 32
_DEPTH: ContextVar[int] = ContextVar("planloom_depth", default=0)


class Kernel:
    """Skills, services and filters, and the one way to call a function: by name.

    Args:
        service: the default model service.
        services: further services by name.

    Registration is not safe to do from several threads at once; everything else is.
    """

    def __init__(
        self, service: ChatService | None = None, *, services: Mapping[str, ChatService] | None = None
    ) -> None:
        self._functions: dict[str, KernelFunction] = {}
        self._skills: dict[str, Skill] = {}
        self._services: dict[str, ChatService] = {}
        self._filters: dict[FilterKind, list[Filter]] = {"function": [], "prompt": [], "model": []}
        self._default_service: str | None = None
        if service is not None:
            self.add_service(service, default=True)
        for name, named in (services or {}).items():
            self.add_service(named, name=name)

    # -- registering -----------------------------------------------------------------------------------

    @property
    def functions(self) -> FunctionsView:
        """Every registered function, read-only."""
        return FunctionsView(self._functions)

    @property
    def skills(self) -> Mapping[str, Skill]:
        """Every skill by name, read-only."""
        return MappingProxyType({skill.name: skill for skill in self._skills.values()})

    @property
    def services(self) -> Mapping[str, ChatService]:
        """Every service by name, read-only."""
        return MappingProxyType(self._services)

    def add_skill(self, source: object, name: str | None = None) -> Skill:
        """Register a skill: an object, class, module, mapping of callables, or folder of prompt functions.

        Args:
            source: where the functions are. A folder is given as a path.
            name: what plans call the skill; the class's, module's or folder's name if left out.

        Raises:
            RegistrationError: nothing callable is there, or a prompt in the folder is broken; then nothing of
                it is registered.
            NameClashError: the kernel has a skill of that name.
        """
        if isinstance(source, str | Path):
            return self._add(self._skill_from_folder(Path(source), name))
        if isinstance(source, Skill):
            return self._add(source)
        return self._add(skill_from(source, name))

    def add_function(
        self, target: Callable[..., Any], *, skill: str, name: str | None = None
    ) -> KernelFunction:
        """Register one callable; ``skill`` may exist already."""
        check_name(skill, "skill")
        declaration = declaration_of(target) or Declaration()
        function = native_function(target, skill, declaration, name)
        return self._extend(skill, function)

    def add_prompt(
        self, template: str | PromptConfig, *, skill: str, name: str, description: str = ""
    ) -> KernelFunction:
        """Register a prompt as a function; ``template`` is in semantic-kernel's format, or a whole config."""
        from planloom.prompt_function import prompt_function
        from planloom.prompts import PromptConfig

        if isinstance(template, str):
            template = PromptConfig(name=name, description=description, template=template)
        check_name(skill, "skill")
        return self._extend(skill, prompt_function(self, skill, name, template))

    def add_service(
        self, service: ChatService, *, name: str | None = None, default: bool = False
    ) -> ChatService:
        """Register a model service. The first one, or one added with ``default``, is the default."""
        key = name or service.name
        if key in self._services:
            raise NameClashError(
                f"The kernel has a service called {key!r}; name this one otherwise.", service
            )
        self._services[key] = service
        if default or self._default_service is None:
            self._default_service = key
        return service

    def service(self, name: str | None = None) -> ChatService:
        """The service of that name, or the default one; raises ``ServiceNotFoundError``."""
        key = name or self._default_service
        if key is None:
            raise ServiceNotFoundError(
                "kernel", "it has no model service. Give one: Kernel(service=LlamaService())."
            )
        if key not in self._services:
            known = ", ".join(self._services) or "none"
            raise ServiceNotFoundError(key, f"no such service; the kernel has {known}.")
        return self._services[key]

    def _skill_from_folder(self, path: Path, name: str | None) -> Skill:
        from planloom.prompt_function import prompt_function
        from planloom.prompts import read_skill_folder

        folder = read_skill_folder(path)
        skill_name = check_name(name or folder.name, "skill")
        functions = {
            config.name: prompt_function(self, skill_name, check_name(config.name, "function"), config)
            for config in folder.prompts
        }
        return Skill(skill_name, folder.description, functions)

    def _add(self, skill: Skill) -> Skill:
        if skill.name.lower() in self._skills:
            raise NameClashError(
                f"The kernel has a skill called {self._skills[skill.name.lower()].name}; "
                "give this one another name: add_skill(..., name=...).",
                skill,
            )
        for function in skill:
            function.parameters  # noqa: B018 - a signature that cannot be read is refused here, not in a plan
        self._skills[skill.name.lower()] = skill
        self._functions.update({function.full_name.lower(): function for function in skill})
        return skill

    def _extend(self, skill_name: str, function: KernelFunction) -> KernelFunction:
        check_name(function.name, "function")
        if function.full_name.lower() in self._functions:
            raise NameClashError(f"The kernel has a function called {function.full_name}.", function)
        function.parameters  # noqa: B018 - see _add
        old = self._skills.get(skill_name.lower()) or Skill(skill_name, "", {})
        self._skills[skill_name.lower()] = Skill(
            old.name, old.description, {**old.functions, function.name: function}
        )
        self._functions[function.full_name.lower()] = function
        return function

    # -- filters ---------------------------------------------------------------------------------------

    def add_filter(self, kind: FilterKind, wrap: Filter) -> None:
        """Wrap ``async (context, next)`` around every function call, prompt or model call."""
        if kind not in self._filters:
            raise RegistrationError(f"A filter is for 'function', 'prompt' or 'model', not {kind!r}.", wrap)
        self._filters[kind].append(wrap)

    def filters(self, kind: FilterKind) -> Sequence[Filter]:
        """The filters of a kind, outermost first."""
        return self._filters[kind]

    # -- calling ---------------------------------------------------------------------------------------

    async def invoke(self, name: str, /, **arguments: Any) -> Any:
        """Call a function by its full name, with arguments by the names that plans use.

        Raises:
            FunctionNotFoundError: there is none of that name.
            ArgumentError: an argument is missing, unknown or of the wrong type.
            FunctionError: calls are nested too deep.
            Exception: whatever the function raises, unchanged.
        """
        return await self.invoke_with(name, arguments)

    def invoke_sync(self, name: str, /, **arguments: Any) -> Any:
        """``invoke`` for scripts and notebooks."""
        return run_sync(self.invoke_with(name, arguments))

    async def invoke_with(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """``invoke`` with the arguments as one mapping."""
        function = self.functions[name]
        return await self.call(function, function.bind(arguments))

    async def call(self, function: KernelFunction, arguments: dict[str, Any]) -> Any:
        """Call with arguments that ``KernelFunction.bind`` has checked, inside the function filters."""
        with _one_deeper(function):
            if not self._filters["function"]:
                return await function.call(arguments)
            context = FunctionContext(self, function, arguments)
            await run_onion(self._filters["function"], context, _call_core)
            return context.result

    async def complete(
        self, messages: Sequence[ChatMessage], settings: Settings | None = None, *, service: str | None = None
    ) -> Completion:
        """Ask a model, inside the model filters; counts tokens.

        Raises:
            ServiceError: the service failed.
            BudgetExceededError: a token budget in force is used up.
        """
        return await self._ask(messages, settings or Settings(), service, _complete_core)

    async def complete_streaming(
        self,
        messages: Sequence[ChatMessage],
        settings: Settings | None,
        sink: Callable[[str], None],
        *,
        service: str | None = None,
    ) -> Completion:
        """``complete``, handing each piece of text to ``sink`` as the model writes it."""

        async def core(context: ModelContext) -> None:
            parts: list[str] = []
            last = None
            async for last in context.service.stream(context.messages, context.settings):
                parts.append(last.text)
                if last.text:
                    sink(last.text)
            context.result = Completion(
                "".join(parts),
                usage=(last and last.usage) or Usage(),
                finish_reason=(last and last.finish_reason) or "stop",
            )

        return await self._ask(messages, settings or Settings(), service, core)

    async def _ask(
        self, messages: Sequence[ChatMessage], settings: Settings, service: str | None, core: Any
    ) -> Completion:
        require_budget()
        context = ModelContext(self, self.service(service), messages, settings)
        if self._filters["model"]:
            await run_onion(self._filters["model"], context, core)
        else:
            await core(context)
        result = context.result or Completion("")
        record_usage(result.usage)
        return result


async def _complete_core(context: ModelContext) -> None:
    context.result = await context.service.complete(context.messages, context.settings)


async def _call_core(context: FunctionContext) -> None:
    context.result = await context.function.call(context.arguments)


@contextmanager
def _one_deeper(function: KernelFunction) -> Iterator[None]:
    """Functions may call the kernel again, but not without end."""
    depth = _DEPTH.get()
    if depth >= MAX_DEPTH:
        raise FunctionError(function.full_name, f"was called {MAX_DEPTH} calls deep; does it call itself?")
    token = _DEPTH.set(depth + 1)
    try:
        yield
    finally:
        _DEPTH.reset(token)
