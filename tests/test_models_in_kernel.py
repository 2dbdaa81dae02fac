"""Model calls through the kernel: filters around prompts and requests, tokens counted, budgets kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from planloom import Kernel
from planloom.errors import BudgetExceededError, FunctionNotFoundError, NameClashError, ServiceNotFoundError
from planloom.filters import ModelContext, PromptContext
from planloom.planners import Executor, Plan, StepError, StepOutput
from planloom.services import ChatMessage, Completion, ScriptedService, Settings, Usage
from planloom.usage import metered

HELLO = [ChatMessage("user", "Hello")]


def kernel_with(*answers: Any) -> tuple[Kernel, ScriptedService]:
    service = ScriptedService(answers)
    kernel = Kernel(service=service)
    kernel.add_prompt("Say {{$input}} loudly.", skill="Voice", name="shout", description="Shouts.")
    return kernel, service


def test_a_prompt_is_a_function_without_effects() -> None:
    kernel, service = kernel_with("HI")
    assert kernel.functions["Voice.shout"].effect == "none"
    assert kernel.invoke_sync("Voice.shout", input="hi") == "HI"
    assert service.requests[0].messages == (ChatMessage("user", "Say hi loudly."),)


def test_a_prompt_filter_sees_the_messages_and_may_answer_itself() -> None:
    kernel, service = kernel_with("HI")
    seen: list[Any] = []

    async def watch(context: PromptContext, following: Any) -> None:
        if context.variables["input"] == "cached":
            context.result = "from the cache"
            return
        await following(context)
        seen.append((context.function.full_name, context.messages[0].content, context.result))

    kernel.add_filter("prompt", watch)
    assert kernel.invoke_sync("Voice.shout", input="cached") == "from the cache"
    assert kernel.invoke_sync("Voice.shout", input="hi") == "HI"
    assert seen == [("Voice.shout", "Say hi loudly.", "HI")]
    assert len(service.requests) == 1


def test_a_model_filter_may_change_what_is_asked_and_what_is_answered() -> None:
    kernel, service = kernel_with("secret")

    async def soften(context: ModelContext, following: Any) -> None:
        context.settings = Settings(temperature=0.5)
        await following(context)
        assert context.result is not None
        context.result = Completion(context.result.text.replace("secret", "[...]"), context.result.usage)

    kernel.add_filter("model", soften)
    assert asyncio.run(kernel.complete(HELLO)).text == "[...]"
    assert service.requests[0].settings.temperature == 0.5


def test_several_services_are_named_and_one_is_the_default() -> None:
    first, second = ScriptedService(["1"], name="small"), ScriptedService(["2"], name="large")
    kernel = Kernel(service=first, services={"large": second})
    assert asyncio.run(kernel.complete(HELLO)).text == "1"
    assert asyncio.run(kernel.complete(HELLO, service="large")).text == "2"
    with pytest.raises(ServiceNotFoundError, match="small, large"):
        kernel.service("huge")
    with pytest.raises(NameClashError):
        kernel.add_service(ScriptedService(), name="large")


def test_tokens_are_counted_per_call_and_per_run() -> None:
    answers = [Completion("A", Usage(10, 2, 1)), Completion("B", Usage(20, 3, 1))]
    kernel, _ = kernel_with(*answers)
    plan = Plan.parse('<plan><function.Voice.shout input="a"/><function.Voice.shout/></plan>', kernel)
    result = Executor(kernel).run_sync(plan)
    assert result.text == "B"
    assert result.usage == Usage(30, 5, 2)
    assert result.usage.total_tokens == 35


def test_meters_inside_meters_count_for_both() -> None:
    kernel, _ = kernel_with(Completion("A", Usage(1, 1, 1)), Completion("B", Usage(1, 1, 1)))

    async def work() -> tuple[Usage, Usage]:
        with metered() as outer:
            await kernel.complete(HELLO)
            with metered() as inner:
                await asyncio.create_task(kernel.complete(HELLO))
            return outer.usage, inner.usage

    assert asyncio.run(work()) == (Usage(2, 2, 2), Usage(1, 1, 1))


def test_a_budget_stops_a_run_by_name_and_keeps_what_was_done() -> None:
    kernel, service = kernel_with(Completion("A", Usage(60, 50, 1)), "never asked")
    plan = Plan.parse('<plan><function.Voice.shout input="a"/><function.Voice.shout/></plan>', kernel)
    with pytest.raises(BudgetExceededError, match="110 of 100 tokens") as caught:
        Executor(kernel, budget=100).run_sync(plan)
    assert isinstance(caught.value, StepError)
    assert (caught.value.used, caught.value.budget) == (110, 100)
    assert [record.status for record in caught.value.done] == ["done", "failed"]
    assert len(service.requests) == 1


def test_a_prompt_functions_text_is_streamed_as_events() -> None:
    kernel, _ = kernel_with("one two three")
    plan = Plan.parse('<plan><function.Voice.shout input="a"/></plan>', kernel)

    async def pieces() -> str:
        events = [event async for event in Executor(kernel).stream(plan)]
        assert [event.kind for event in events][-2:] == ["step-finished", "plan-finished"]
        return "".join(event.text for event in events if isinstance(event, StepOutput))

    assert asyncio.run(pieces()) == "one two three"


def test_a_template_that_calls_an_unknown_function_names_the_nearest() -> None:
    kernel, _ = kernel_with("x")
    kernel.add_prompt("{{Voice.shot $input}}", skill="Voice", name="echo")
    with pytest.raises(Exception, match=r"Voice\.shot") as caught:
        kernel.invoke_sync("Voice.echo", input="a")
    assert isinstance(caught.value, FunctionNotFoundError) or isinstance(
        caught.value.__cause__, FunctionNotFoundError
    )
