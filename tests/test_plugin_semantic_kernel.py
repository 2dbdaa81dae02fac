"""The semantic-kernel door, against the real package: ``make test-doors`` has it."""

# The package is absent where types are checked.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

pytest.importorskip("semantic_kernel", reason="semantic-kernel is not installed; make test-doors has it")

import semantic_kernel
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.functions import KernelArguments, KernelPlugin, kernel_function

from chat_api import chat_api
from door_servers import serving
from planloom import Kernel
from planloom.errors import ArgumentError, ServiceAuthError, ServiceUnavailableError
from planloom.planners import Executor, Plan, SequentialPlanner
from planloom.plugins import (
    SemanticKernelService,
    kernel_from_semantic_kernel,
    semantic_kernel_plugin,
    semantic_kernel_skill,
)
from planloom.services import ChatMessage, ScriptedService, Settings, Usage, allow_model_requests

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Order(BaseModel):
    dish: str
    count: int = 1


class Kitchen:
    """Cooks."""

    @kernel_function(name="cook", description="Cook a dish.")
    def cook(
        self,
        order: Annotated[Order, "What is ordered"],
        size: Size = Size.SMALL,
        tags: list[str] | None = None,
        kernel: Annotated[Any, {"include_in_function_choices": False}] = None,
    ) -> str:
        return f"{order.count} {size.value} {order.dish} {tags or ''} {kernel is not None}".strip()

    @kernel_function
    async def menu(self) -> list[str]:
        """What there is."""
        return ["soup", "bread"]


@pytest.fixture
def requests() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def chat(requests: list[dict[str, Any]]) -> Iterator[OpenAIChatCompletion]:
    from openai import AsyncOpenAI

    with serving(chat_api(requests)) as address, allow_model_requests(True):
        client = AsyncOpenAI(api_key="good", base_url=f"{address}/v1", max_retries=0)
        yield OpenAIChatCompletion(ai_model_id="parrot", service_id="parrot", async_client=client)


def test_a_plugin_and_a_decorated_object_are_skills() -> None:
    kernel = Kernel()
    kernel.add_skill(semantic_kernel_skill(Kitchen(), effects={"menu": "read"}))
    kernel.add_skill(semantic_kernel_skill(KernelPlugin.from_object("Other", Kitchen(), description="More.")))
    assert kernel.skills["Other"].description == "More."
    cook, menu = kernel.functions["Kitchen.cook"], kernel.functions["Kitchen.menu"]
    assert [(p.name, p.required) for p in cook.parameters] == [
        ("order", True),
        ("size", False),
        ("tags", False),
    ]
    assert (cook.effect, menu.effect, cook.description) == ("write", "read", "Cook a dish.")
    plan = Plan.parse(
        '<plan><function.Kitchen.menu setContextVariable="M"/>'
        '<function.Kitchen.cook order=\'{"dish": "soup", "count": 2}\' size="large" tags="$M"/></plan>',
        kernel,
    )
    assert asyncio.run(Executor(kernel).run(plan)).text == "2 large soup ['soup', 'bread'] True"
    with pytest.raises(ArgumentError):
        kernel.invoke_sync("Kitchen.cook", order={"count": 2})


def test_a_prompt_function_is_answered_by_semantic_kernels_service(chat: OpenAIChatCompletion) -> None:
    theirs = semantic_kernel.Kernel()
    theirs.add_service(chat)
    theirs.add_function("Fun", function_name="joke", prompt="Joke about {{$topic}}", description="Jokes.")
    kernel = kernel_from_semantic_kernel(theirs)
    function = kernel.functions["Fun.joke"]
    assert (function.kind, function.effect, function.returns) == ("prompt", "none", str)
    assert kernel.invoke_sync("Fun.joke", topic="cats") == "You said: Joke about cats"
    assert kernel.service().name == "parrot"


def test_a_chat_service_answers_with_usage(chat: OpenAIChatCompletion, requests: list[Any]) -> None:
    service = SemanticKernelService(chat, context_tokens=4096)
    messages = [ChatMessage("system", "Be short."), ChatMessage("user", "<b>&amp;</b>")]
    settings = Settings(temperature=0.0, max_tokens=9, stop=("END",), seed=3, extra={"user": "me"})
    answer = asyncio.run(service.complete(messages, settings))
    assert (answer.text, answer.usage) == ("You said: <b>&amp;</b>", Usage(7, 3, 1))
    assert answer.finish_reason == "length"
    sent = requests[0]
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert {key: sent[key] for key in ("temperature", "max_tokens", "stop", "seed", "user")} == {
        "temperature": 0.0,
        "max_tokens": 9,
        "stop": ["END"],
        "seed": 3,
        "user": "me",
    }


def test_a_chat_service_streams_with_usage(chat: OpenAIChatCompletion) -> None:
    async def read() -> list[Any]:
        service = SemanticKernelService(chat)
        return [chunk async for chunk in service.stream([ChatMessage("user", "a b")], Settings())]

    chunks = asyncio.run(read())
    assert [chunk.text for chunk in chunks] == ["You ", "said: ", "a ", "b ", ""]
    assert (chunks[-1].usage, chunks[-1].finish_reason) == (Usage(7, 3, 1), "stop")


def test_failures_of_a_vendor_are_our_errors(chat: OpenAIChatCompletion) -> None:
    service = SemanticKernelService(chat)

    async def fail() -> None:
        with pytest.raises(ServiceUnavailableError):
            await service.complete([ChatMessage("user", "overload")], Settings())
        chat.client.api_key = "bad"
        with pytest.raises(ServiceAuthError):
            await service.complete([ChatMessage("user", "x")], Settings())

    asyncio.run(fail())


def test_the_planner_and_saved_plans_are_a_plugin() -> None:
    theirs = semantic_kernel.Kernel()
    theirs.add_plugin(Kitchen(), "Kitchen")
    ours = kernel_from_semantic_kernel(theirs, effects={"Kitchen.menu": "read"})
    written = '<plan><function.Kitchen.menu appendToResult="RESULT__MENU"/></plan>'
    ours.add_service(ScriptedService([written]), default=True)
    saved = Plan.parse(
        '<plan><function.Kitchen.cook order="$order" size="small"/></plan>', ours, goal="Cook an order."
    )
    plugin = semantic_kernel_plugin(ours, {"cookOrder": saved}, planner=SequentialPlanner(ours))
    theirs.add_plugin(plugin)

    async def use() -> list[Any]:
        cooked = await theirs.invoke(plugin["cookOrder"], KernelArguments(order={"dish": "pie", "count": 3}))
        plan = await theirs.invoke(plugin["create_plan"], KernelArguments(goal="What is there to eat?"))
        ran = await theirs.invoke(plugin["run_plan"], KernelArguments(plan=str(plan)))
        return [cooked, plan, ran]

    cooked, plan, ran = asyncio.run(use())
    assert cooked.value == "3 small pie  True"
    assert "<function.Kitchen.menu" in str(plan)
    assert "soup" in str(ran)
    assert plugin["cookOrder"].metadata.description == "Cook an order."
    assert [item.name for item in plugin["cookOrder"].metadata.parameters] == ["order"]
