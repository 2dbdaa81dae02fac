"""The classic: a goal that takes four functions of three skills, planned by a small model's choices.

Run it with ``python samples/email_nickname.py``; it uses the embedded model.
"""

from __future__ import annotations

from my_skills import Emailer, Names, StringFunctions

from planloom import Kernel
from planloom.planners import Executor, SequentialPlanner
from planloom.services import ChatService, LlamaService

GOAL = "Send the input as an email to Steven and make sure I use his preferred name in the email"
MESSAGE = "Hello Steven, the new release is out, and you should see it."


def main(service: ChatService | None = None) -> None:
    kernel = Kernel(service=service or LlamaService())
    emailer = Emailer()
    for skill in (Names(), StringFunctions(), emailer):
        kernel.add_skill(skill)

    print(f"Goal: {GOAL}\n")
    # Of the embedded model's ways, "choices" finds what this goal hints at: that a name is to be replaced.
    planner = SequentialPlanner(kernel, strategy="auto" if service else "choices")
    plan = planner.create_plan_sync(GOAL, inputs=["INPUT", "subject"])
    print(f"{plan}\n")

    result = Executor(kernel).run_sync(plan, {"INPUT": MESSAGE, "subject": "Release"})
    for step in sorted(result.steps):
        print(f"{step.step}. {step.name} gave {step.value!r}")
    print(f"\nThe outbox holds:\n{emailer.outbox[0]}" if emailer.outbox else "\nNothing was sent.")


if __name__ == "__main__":
    main()
