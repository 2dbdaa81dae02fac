"""What ``make demo`` shows: a goal becomes a plan, and the plan runs. No key, no server, all on this machine.

The plan is what the embedded model makes of the goal, each time anew.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

from my_skills import Emailer, Names, StringFunctions

from planloom import Kernel
from planloom.planners import Executor, Plan, SequentialPlanner, StepFinished, StepStarted
from planloom.planners.writing import PlanChoice, PlanReady, PlanText
from planloom.services import ChatService, LlamaService

GOAL = "Send the input as an email to Steven and make sure I use his preferred name in the email"
MESSAGE = "Hello Steven, the new release is out, and you should see it."
INPUTS = {"INPUT": MESSAGE, "subject": "Release"}


def styled(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() else text


def title(text: str) -> None:
    print(f"\n{styled(text, '1')}")


def say(label: str, text: str) -> None:
    print(f"  {styled(f'{label:<10}', '2')} {text}", flush=True)


async def loaded() -> ChatService:
    service = LlamaService()
    began = time.perf_counter()
    await service.load()
    say("Model", f"SmolLM2-135M-Instruct, loaded in {time.perf_counter() - began:.1f} s")
    return service


def task(kernel: Kernel) -> Iterator[tuple[str, str]]:
    yield "Goal", GOAL
    yield from INPUTS.items()
    for function in kernel.functions.values():
        yield "Function", f"{function.signature()}: {function.description}"


async def planned(planner: SequentialPlanner) -> Plan:
    """The plan, shown while the model makes it."""
    began = time.perf_counter()
    async for event in planner.stream_plan(GOAL, inputs=list(INPUTS)):
        match event:
            case PlanChoice(question, chosen):
                say("Chosen", f"{question}: {styled(chosen, '36')}")
            case PlanText(text):
                print(styled(text, "32"), end="", flush=True)
            case PlanReady(plan, usage):
                print()
                needs = ", ".join(f"${name}" for name in plan.inputs)
                say("Checked", f"{len(plan.steps)} steps, no faults; it needs {needs}")
                say("Cost", f"{time.perf_counter() - began:.1f} s, {usage.calls} questions to the model")
                return plan
    raise AssertionError("a stream of planning ends with PlanReady")


async def run(kernel: Kernel, plan: Plan) -> None:
    async for event in Executor(kernel).stream(plan, INPUTS):
        match event:
            case StepStarted(step, name, arguments):
                shown = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
                say(f"Step {step}", f"{styled(name, '36')}({shown})")
            case StepFinished(step, name, value):
                say(f"Step {step}", f"{styled(name, '36')} gave {value!r}")


async def demo(service: ChatService | None = None) -> None:
    title("A plan from a goal, on this machine")
    emailer = Emailer()
    kernel = Kernel(service or await loaded())
    for skill in (Names(), StringFunctions(), emailer):
        kernel.add_skill(skill)
    for label, text in task(kernel):
        say(label, text)
    title("The model plans")
    # Of the embedded model's ways, "choices" finds what this goal hints at: that a name is to be replaced.
    plan = await planned(SequentialPlanner(kernel, strategy="auto" if service else "choices"))
    title("The plan runs")
    await run(kernel, plan)
    title("The mail that was sent")
    print("\n".join(emailer.outbox) or "None: the plan sends no mail.")


if __name__ == "__main__":
    asyncio.run(demo())
