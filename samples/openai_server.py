"""The same planner with any OpenAI-compatible server.

``python samples/openai_server.py http://localhost:8000/v1 my-model "Send Ada an e-mail that says hello"``;
the key, if the server wants one, is taken from the environment variable ``OPENAI_API_KEY``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from my_skills import Emailer, Names

from planloom import Kernel, PlanloomError
from planloom.planners import Executor, SequentialPlanner
from planloom.services import ChatService, OpenAIService

USAGE = "usage: python openai_server.py BASE_URL MODEL GOAL"


def main(arguments: Sequence[str], service: ChatService | None = None) -> str:
    """What the run gives, or what went wrong, as text."""
    if len(arguments) != 3:
        return USAGE
    base_url, model, goal = arguments
    key = os.environ.get("OPENAI_API_KEY")
    kernel = Kernel(service=service or OpenAIService(model, base_url=base_url, api_key=key))
    kernel.add_skill(Names())
    kernel.add_skill(Emailer())
    try:
        plan = SequentialPlanner(kernel).create_plan_sync(goal, inputs=[])
        result = Executor(kernel).run_sync(plan)
    except PlanloomError as error:
        return f"{type(error).__name__}: {error}"
    return f"{plan}\n\n{result.text}\n\nplanning cost {plan.usage.total_tokens} tokens"


if __name__ == "__main__":
    print(main(sys.argv[1:]))
