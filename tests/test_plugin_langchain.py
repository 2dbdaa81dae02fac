"""The LangChain door, against the real package: ``make test-doors`` has it."""

# The package is absent where types are checked.
# mypy: disable-error-code="untyped-decorator, misc"

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import pytest

pytest.importorskip("langchain_core", reason="langchain-core is not installed; make test-doors has it")

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import InjectedToolArg, ToolException, tool

from chat_api import chat_api
from door_servers import serving
from planloom import Kernel, kernel_function
from planloom.errors import (
    ArgumentError,
    RegistrationError,
    ServiceAuthError,
    ServiceResponseError,
    ServiceUnavailableError,
)
from planloom.planners import Executor, Plan
from planloom.plugins import LangChainService, langchain_skill, langchain_tool
from planloom.plugins.errors import ForeignToolError
from planloom.services import ChatMessage, Settings, Usage, allow_model_requests


@tool
def weather(
    city: str, days: Annotated[int, "How many"] = 1, *, key: Annotated[str, InjectedToolArg] = ""
) -> dict[str, Any]:
    """What the weather will be."""
    return {"city": city, "days": days, "sky": "clear"}


@tool
async def broken() -> str:
    """Always fails."""
    raise ToolException("out of order")


class Library(BaseRetriever):
    """Finds books."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [Document(page_content=f"on {query}", metadata={"page": 1})]


class Counter:
    """Counts."""

    @kernel_function(effect="none")
    def add(self, first: int, second: Annotated[int, "More"] = 1) -> int:
        """Add two numbers."""
        return first + second


def test_tools_and_retrievers_are_functions_of_a_plan() -> None:
    kernel = Kernel()
    kernel.add_skill(langchain_skill([weather, broken, Library()], "Tools", effects={"weather": "read"}))
    functions = kernel.functions
    assert [p.name for p in functions["Tools.weather"].parameters] == ["city", "days"]
    assert functions["Tools.weather"].parameters[1].description == "How many"
    assert {name: f.effect for name, f in functions.items()} == {
        "Tools.weather": "read",
        "Tools.broken": "write",
        "Tools.Library": "read",
    }
    plan = Plan.parse(
        '<plan><function.Tools.weather city="Oslo" days="3" setContextVariable="W"/>'
        '<function.Tools.Library query="$W.sky" setContextVariable="B"/>'
        '<result name="RESULT__B" value="$B[0].text"/></plan>',
        kernel,
    )
    result = asyncio.run(Executor(kernel).run(plan))
    assert result.text == "on clear"
    assert result.variables["W"]["days"] == 3
    with pytest.raises(ForeignToolError, match="out of order"):
        kernel.invoke_sync("Tools.broken")
    with pytest.raises(ArgumentError):
        kernel.invoke_sync("Tools.weather", city="Oslo", days="many")


def test_what_is_no_tool_is_a_named_error() -> None:
    with pytest.raises(RegistrationError, match="neither"):
        langchain_skill([object()], "Tools")


def test_a_function_is_a_tool() -> None:
    kernel = Kernel()
    kernel.add_skill(Counter())
    made = langchain_tool(kernel, "Counter.add")
    assert (made.name, made.description) == ("Counter_add", "Add two numbers.")
    assert made.args["second"]["description"] == "More"
    assert made.invoke({"first": 1, "second": 2}) == 3
    assert asyncio.run(made.ainvoke({"first": 1})) == 2


def test_a_chat_model_of_langchain_is_a_service() -> None:
    service = LangChainService(FakeListChatModel(responses=["hello", "there"]))
    with allow_model_requests(True):
        answer = asyncio.run(service.complete([ChatMessage("user", "x")], Settings(stop=("a",))))
        chunks = asyncio.run(collected(service, "x"))
    assert (answer.text, answer.usage) == ("hello", Usage(calls=1))
    assert "".join(chunk.text for chunk in chunks) == "there"


async def collected(service: LangChainService, text: str) -> list[Any]:
    return [chunk async for chunk in service.stream([ChatMessage("user", text)], Settings())]


@pytest.fixture
def parrot() -> Iterator[Any]:
    openai = pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
    with serving(chat_api([])) as address, allow_model_requests(True):
        yield lambda key="good": openai.ChatOpenAI(
            model="parrot", base_url=f"{address}/v1", api_key=key, max_retries=0, stream_usage=True
        )


def test_a_vendors_model_answers_and_streams_with_usage(parrot: Any) -> None:
    service = LangChainService(parrot())

    async def use() -> tuple[Any, list[Any]]:
        settings = Settings(temperature=0.0, max_tokens=9)
        answer = await service.complete([ChatMessage("user", "hi")], settings)
        return answer, await collected(service, "a b")

    answer, chunks = asyncio.run(use())
    assert (answer.text, answer.usage, answer.finish_reason) == ("You said: hi", Usage(7, 3, 1), "length")
    assert "".join(chunk.text for chunk in chunks).strip() == "You said: a b"
    assert (chunks[-1].usage, chunks[-1].finish_reason) == (Usage(7, 3, 1), "stop")


def test_failures_of_a_vendor_are_our_errors(parrot: Any) -> None:
    async def fail() -> None:
        service = LangChainService(parrot())
        with pytest.raises(ServiceAuthError):
            await LangChainService(parrot("bad")).complete([ChatMessage("user", "x")], Settings())
        with pytest.raises(ServiceUnavailableError):
            await service.complete([ChatMessage("user", "overload")], Settings())
        with pytest.raises(ServiceResponseError):
            await service.complete([ChatMessage("user", "x")], Settings(extra={"nonsense": 1}))

    asyncio.run(fail())
