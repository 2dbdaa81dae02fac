"""Prompt functions: a folder of prompts is a skill, and a plan calls it like any other.

``FunSkill`` ships with planloom: ``skills/prompts/FunSkill/Joke`` holds ``skprompt.txt`` and ``config.json``.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from planloom import Kernel
from planloom.planners import Executor, Plan
from planloom.services import ChatService, LlamaService

FUN = Path(str(files("planloom.skills"))) / "prompts" / "FunSkill"
SUBJECT = "赵本山和宋丹丹要在2024年出一个小品"
PLAN = '<plan><function.FunSkill.Joke input="$INPUT" appendToResult="RESULT__JOKE"/></plan>'


def main(service: ChatService | None = None) -> None:
    kernel = Kernel(service=service or LlamaService())
    kernel.add_skill(FUN)

    alone = kernel.invoke_sync("FunSkill.Joke", input=SUBJECT, style="deadpan")
    print(f"Called by name:\n{alone}\n")

    result = Executor(kernel).run_sync(Plan.parse(PLAN, kernel), {"INPUT": SUBJECT})
    print(f"Called by a plan ({result.usage.total_tokens} tokens):\n{result.text}")


if __name__ == "__main__":
    main()
