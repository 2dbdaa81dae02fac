"""A plan is a text: saved as XML or JSON, read, edited by hand, checked again, replayed without a model."""

from __future__ import annotations

import tempfile
from pathlib import Path

from my_skills import Emailer, Names

from planloom import Kernel
from planloom.planners import Executor, Plan, PlanError

WRITTEN_BY_A_MODEL = """
<plan>
  <function.Names.getNickName name="Ada" setContextVariable="NICKNAME"/>
  <function.Emailer.getEmailAddress recipient="Ada" setContextVariable="ADDRESS"/>
  <function.Emailer.sendEmail emailAddress="$ADDRESS" message="Dear $NICKNAME: $INPUT" subject="Greetings"
      appendToResult="RESULT__SENT"/>
</plan>
"""


def main(folder: Path) -> None:
    kernel = Kernel()
    kernel.add_skill(Names())
    kernel.add_skill(Emailer())
    plan = Plan.parse(WRITTEN_BY_A_MODEL, kernel, goal="Greet Ada by her nickname")

    (folder / "greet.xml").write_text(str(plan), encoding="utf-8")
    (folder / "greet.json").write_text(plan.to_json(), encoding="utf-8")
    again = Plan.from_json((folder / "greet.json").read_text(encoding="utf-8"), kernel)
    print("the same from JSON:", str(again) == str(plan))

    edited = (folder / "greet.xml").read_text(encoding="utf-8").replace('"Ada"', '"Steven"')
    result = Executor(kernel).run_sync(Plan.parse(edited, kernel), {"INPUT": "see you at noon"})
    print("replayed for another:", result.text)

    try:
        Plan.parse(edited.replace("Emailer.sendEmail", "Emailer.sendMail"), kernel)
    except PlanError as error:
        print(f"a slip is found before anything runs:\n{error}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch))
