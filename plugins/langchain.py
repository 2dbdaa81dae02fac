"""LangChain: tools and retrievers as functions, and a function as a tool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from planloom.decorator import Effect
from planloom.errors import MissingExtraError, RegistrationError
from planloom.function import KernelFunction
from planloom.kernel import Kernel
from planloom.names import check_name
from planloom.parameter import REQUIRED, Parameter
from planloom.plugins.errors import ForeignToolError
from planloom.plugins.foreign_text import one_line
from planloom.plugins.identifiers import distinct_names
from planloom.plugins.json_schema import ForeignSchema
from planloom.skill import Skill

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.tools import BaseTool, StructuredTool

__all__ = ["RetrievedDocument", "langchain_skill", "langchain_tool"]


class RetrievedDocument(TypedDict):
    """What a retriever finds."""

    text: str
    metadata: dict[str, Any]


def langchain_skill(
    tools: Iterable[BaseTool | BaseRetriever],
    name: str,
    *,
    effects: Mapping[str, Effect] | None = None,
    description: str = "",
) -> Skill:
    """LangChain tools and retrievers as a skill.

    A tool counts as a write unless ``effects`` says otherwise, by its name here (``{"search": "read"}``); a
    retriever is a read.

    Raises:
        MissingExtraError: langchain-core is not installed.
        RegistrationError: something is neither a tool nor a retriever.
    """
    listed = list(tools)
    skill = check_name(name, "skill")
    names = distinct_names({str(place): _name(item) for place, item in enumerate(listed)}, "tool")
    made = [_function(skill, names[str(place)], item, effects or {}) for place, item in enumerate(listed)]
    return Skill(skill, description, {function.name: function for function in made})


def langchain_tool(kernel: Kernel, function: str) -> StructuredTool:
    """A function of the kernel as a LangChain tool, called ``Skill_name``; filters apply as in any call.

    Raises:
        FunctionNotFoundError: there is no such function.
    """
    try:
        from langchain_core.tools import StructuredTool
    except ImportError as error:
        raise MissingExtraError("langchain-core", "langchain", "langchain_tool") from error
    found = kernel.functions[function]

    async def call(**arguments: Any) -> Any:
        return await kernel.invoke_with(found.full_name, arguments)

    def call_sync(**arguments: Any) -> Any:
        return kernel.invoke_sync(found.full_name, **arguments)

    return StructuredTool.from_function(
        func=call_sync,
        coroutine=call,
        name=found.full_name.replace(".", "_"),
        description=found.description or found.full_name,
        args_schema=found.schema,
    )


def _name(item: object) -> str:
    name = getattr(item, "name", None)
    return name if isinstance(name, str) and name else type(item).__name__


def _function(skill: str, name: str, item: Any, effects: Mapping[str, Effect]) -> KernelFunction:
    try:
        from langchain_core.retrievers import BaseRetriever
        from langchain_core.tools import BaseTool
    except ImportError as error:
        raise MissingExtraError("langchain-core", "langchain", "langchain_skill") from error
    if isinstance(item, BaseRetriever):
        return _retriever_function(skill, name, item)
    if isinstance(item, BaseTool):
        return _tool_function(skill, name, item, effects.get(name, "write"))
    raise RegistrationError(f"{item!r} is neither a LangChain tool nor a retriever.", item)


def _tool_function(skill: str, name: str, tool: Any, effect: Effect) -> KernelFunction:
    from langchain_core.tools import ToolException

    async def call(**arguments: Any) -> Any:
        try:
            return await tool.ainvoke({key: one for key, one in arguments.items() if one is not None})
        except ToolException as error:
            raise ForeignToolError(f"{skill}.{name}", str(error)) from error

    return KernelFunction(
        skill=skill,
        name=name,
        target=call,
        description=one_line(tool.description),
        effect=effect,
        declared_parameters=_parameters(tool),
        declared_returns=Any,
    )


def _parameters(tool: Any) -> tuple[Parameter, ...]:
    # without the arguments that LangChain injects: state, store, the call's id
    found = tool.tool_call_schema
    schema = found if isinstance(found, dict) else found.model_json_schema()
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    names = distinct_names({name: name for name in properties}, "value")
    made = [
        _parameter(names[name], name, ForeignSchema(part, schema), name in required)
        for name, part in properties.items()
    ]
    return tuple(sorted(made, key=lambda parameter: not parameter.required))


def _parameter(name: str, key: str, schema: ForeignSchema, required: bool) -> Parameter:
    default = schema.raw.get("default")
    return Parameter(
        name=name,
        annotation=schema.annotation(optional=not required),
        description=one_line(schema.raw.get("description")),
        default=REQUIRED if required else default,
        key=key,
        json_schema=lambda: dict(schema.whole),
    )


def _retriever_function(skill: str, name: str, retriever: Any) -> KernelFunction:
    async def call(query: str) -> list[RetrievedDocument]:
        found = await retriever.ainvoke(query)
        return [{"text": item.page_content, "metadata": dict(item.metadata)} for item in found]

    return KernelFunction(
        skill=skill,
        name=name,
        target=call,
        description=one_line(retriever.__doc__) or "Find documents for a query.",
        effect="read",
        idempotent=True,
        declared_parameters=(Parameter("query", str, "What is looked for"),),
        declared_returns=list[RetrievedDocument],
    )
