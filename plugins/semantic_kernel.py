"""semantic-kernel: its plugins as skills, its whole kernel as one of ours."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from planloom.decorator import Effect
from planloom.errors import MissingExtraError
from planloom.function import KernelFunction
from planloom.kernel import Kernel
from planloom.names import check_name
from planloom.parameter import REQUIRED, Parameter
from planloom.plugins.foreign_text import one_line
from planloom.plugins.identifiers import distinct_names, identifier
from planloom.plugins.json_schema import ForeignSchema
from planloom.skill import Skill

if TYPE_CHECKING:
    import semantic_kernel

__all__ = ["kernel_from_semantic_kernel", "semantic_kernel_skill"]

INJECTED = frozenset({"kernel", "service", "execution_settings", "arguments"})
"""Parameters that semantic-kernel fills in itself, by their names."""


def semantic_kernel_skill(
    plugin: Any,
    name: str | None = None,
    *,
    kernel: semantic_kernel.Kernel | None = None,
    effects: Mapping[str, Effect] | None = None,
) -> Skill:
    """A semantic-kernel plugin as a skill.

    semantic-kernel declares no effects: its native functions count as writes unless ``effects`` says
    otherwise, and its prompt functions have none.

    Args:
        plugin: a ``KernelPlugin``, or an object with functions that semantic-kernel's decorator marks.
        name: what plans call it; the plugin's own name if left out.
        kernel: runs the functions, with its filters and services; a new one if left out. A prompt function
            needs one with a service.
        effects: what single functions do in truth, by their name here: ``{"search": "read"}``.

    Raises:
        MissingExtraError: semantic-kernel is not installed.
    """
    package = _package()
    functions = package.functions
    if not isinstance(plugin, functions.KernelPlugin):
        plugin = functions.KernelPlugin.from_object(name or type(plugin).__name__, plugin)
    skill = check_name(name or identifier(plugin.name, "plugin"), "skill")
    names = distinct_names({found: found for found in plugin.functions}, "function")
    runner = kernel or package.Kernel()
    made = [
        _function(skill, names[key], found, runner, (effects or {}).get(names[key]))
        for key, found in plugin.functions.items()
    ]
    return Skill(skill, one_line(plugin.description), {function.name: function for function in made})


def kernel_from_semantic_kernel(
    kernel: semantic_kernel.Kernel, *, effects: Mapping[str, Effect] | None = None
) -> Kernel:
    """A planloom kernel over a semantic-kernel one: its plugins as skills, its chat services as services.

    ``effects`` are by full name: ``{"Search.web": "read"}``.
    """
    from planloom.plugins.semantic_kernel_service import SemanticKernelService

    made = Kernel()
    for plugin in kernel.plugins.values():
        prefix = f"{identifier(plugin.name, 'plugin')}."
        own = {
            key.removeprefix(prefix): one for key, one in (effects or {}).items() if key.startswith(prefix)
        }
        made.add_skill(semantic_kernel_skill(plugin, kernel=kernel, effects=own))
    for name, service in kernel.services.items():
        if hasattr(service, "get_chat_message_contents"):
            made.add_service(SemanticKernelService(service, name=name))
    return made


def _package() -> Any:
    try:
        import semantic_kernel
        import semantic_kernel.functions
    except ImportError as error:
        raise MissingExtraError("semantic-kernel", "semantic-kernel", "semantic_kernel_skill") from error
    return semantic_kernel


def _function(skill: str, name: str, function: Any, kernel: Any, effect: Effect | None) -> KernelFunction:
    metadata = function.metadata
    listed = [item for item in metadata.parameters if _is_given_by_plans(item)]
    names = distinct_names({item.name: item.name for item in listed}, "value")

    async def call(**arguments: Any) -> Any:
        from semantic_kernel.functions import KernelArguments

        given = {key: one for key, one in arguments.items() if one is not None}
        result = await function.invoke(kernel, KernelArguments(**given))
        return None if result is None else _value(result)

    call.__doc__ = one_line(metadata.description)
    return KernelFunction(
        skill=skill,
        name=name,
        target=call,
        description=one_line(metadata.description),
        kind="prompt" if metadata.is_prompt else "native",
        effect=effect or ("none" if metadata.is_prompt else "write"),
        declared_parameters=tuple(
            _parameter(names[item.name], item, is_prompt=metadata.is_prompt) for item in listed
        ),
        declared_returns=_returns(metadata),
    )


def _is_given_by_plans(item: Any) -> bool:
    return getattr(item, "include_in_function_choices", True) and item.name not in INJECTED


def _parameter(name: str, item: Any, *, is_prompt: bool) -> Parameter:
    schema = ForeignSchema(item.schema_data or {}, item.schema_data or {})
    kind = item.type_object if _is_exact(item.type_object) else schema.annotation()
    if is_prompt and not item.type_object:
        kind = Any  # a template takes anything; semantic-kernel makes up a schema
    if not item.is_required and kind is not Any:
        kind = kind | None
    return Parameter(
        name=name,
        annotation=kind,
        description=one_line(item.description),
        default=REQUIRED if item.is_required else item.default_value,
        key=item.name,
    )


def _is_exact(kind: Any) -> bool:
    """Whether semantic-kernel kept the type itself: of ``list[str]`` it keeps ``list``."""
    if not isinstance(kind, type):
        return False
    return kind in (str, int, float, bool) or issubclass(kind, Enum) or hasattr(kind, "model_fields")


def _returns(metadata: Any) -> Any:
    if metadata.is_prompt:
        return str
    found = metadata.return_parameter.type_object if metadata.return_parameter else None
    return found if _is_exact(found) else Any


def _value(result: Any) -> Any:
    """The value itself; what a model wrote is its text."""
    from semantic_kernel.contents.kernel_content import KernelContent

    value = result.value
    items = value if isinstance(value, list) else [value]
    return str(result) if items and isinstance(items[0], KernelContent) else value
