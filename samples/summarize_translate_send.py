"""Prompt functions and native functions in one plan, with the run's events as they happen.

The model summarises and translates; Python code finds the address and sends. The two halves have nothing to
do with each other until the last step, so the address is looked up while the model is still writing.
"""

from __future__ import annotations

import asyncio
from importlib.resources import files
from pathlib import Path

from my_skills import Emailer

from planloom import Kernel
from planloom.planners import Executor, Plan, StepFinished, StepOutput, StepStarted
from planloom.services import ChatService, LlamaService

PROMPTS = Path(str(files("planloom.skills"))) / "prompts"
ARTICLE = (
    "The old lighthouse on the northern cliff was built in 1871 and burned oil until 1933. Its last keeper "
    "left in 1987. The town has now voted to turn the keeper's house into a small museum, which is to open "
    "next spring if the roof can be repaired before the winter storms."
)
PLAN = """
<plan>
  <function.SummarizeSkill.TwoSentenceSummary input="$INPUT" setContextVariable="SUMMARY"/>
  <function.WriterSkill.Translate input="$SUMMARY" language="French" setContextVariable="FRENCH"/>
  <function.Emailer.getEmailAddress recipient="Ada" setContextVariable="ADDRESS"/>
  <function.Emailer.sendEmail emailAddress="$ADDRESS" message="$FRENCH" subject="News of the lighthouse"/>
</plan>
"""


async def run(kernel: Kernel) -> None:
    async for event in Executor(kernel).stream(Plan.parse(PLAN, kernel), {"INPUT": ARTICLE}):
        match event:
            case StepStarted(step, name):
                print(f"\n[{step}] {name}")
            case StepOutput(_, _, text):
                print(text, end="", flush=True)
            case StepFinished(step, name, _, seconds):
                print(f"\n[{step}] {name} took {seconds:.1f} s")


def main(service: ChatService | None = None) -> None:
    kernel = Kernel(service=service or LlamaService())
    kernel.add_skill(PROMPTS / "SummarizeSkill")
    kernel.add_skill(PROMPTS / "WriterSkill")
    emailer = kernel.add_skill(outbox := Emailer())
    asyncio.run(run(kernel))
    print(f"\n{emailer.name} holds:\n{outbox.outbox[0]}")


if __name__ == "__main__":
    main()
