"""One plan over four doors: an HTTP API, an MCP server, a semantic-kernel plugin and a class of one's own.

All of them run on this machine, and the first three steps run at the same time. It needs the extras:
``pip install '.[openapi,mcp,semantic-kernel]' fastapi uvicorn mcp-server-time``. The plan below is
read, checked and run; given a service, ``main`` has its model write the plan.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from planloom import Kernel, kernel_function
from planloom.planners import Executor, Plan, RunResult, SequentialPlanner, StepFinished, StepStarted
from planloom.plugins import McpServer, openapi_skill, semantic_kernel_skill
from planloom.services import ChatService

GOAL = "Invite the team in Tokyo to a call at 09:00 Oslo time, with the weather there and 250 euros in yen"
PLAN = """
<plan>
  <function.Weather.forecast city="Tokyo" setContextVariable="WEATHER"/>
  <function.Clock.convert_time source_timezone="Europe/Oslo" time="09:00" target_timezone="Asia/Tokyo"
      setContextVariable="CALL"/>
  <function.Budget.convert amount="250" currency="JPY" setContextVariable="MONEY"/>
  <function.Team.invite sky="$WEATHER.sky" time="$CALL.target.datetime" budget="$MONEY"
      appendToResult="RESULT__INVITATION"/>
</plan>
"""


class Team:
    """The people."""

    @kernel_function
    def invite(
        self,
        sky: Annotated[str, "What the weather is"],
        time: Annotated[str, "When the call is"],
        budget: Annotated[str, "What may be spent"],
    ) -> str:
        """Invite the team to a call."""
        return f"Call at {time}. The sky is {sky}, and {budget} are for lunch."


def main(service: ChatService | None = None) -> RunResult:
    from doors.budget_plugin import Budget

    kernel = Kernel(service=service)
    with weather_server() as address, clock_server() as clock:
        kernel.add_skill(openapi_skill(f"{address}/openapi.json"))
        kernel.add_skill(clock.skill_sync("Clock", json_text=["*"]))
        kernel.add_skill(semantic_kernel_skill(Budget(), effects={"convert": "none"}))
        kernel.add_skill(Team())

        plan = SequentialPlanner(kernel).create_plan_sync(GOAL) if service else Plan.parse(PLAN, kernel)
        print(f"{plan}\n")
        return asyncio.run(run_and_tell(kernel, plan))


async def run_and_tell(kernel: Kernel, plan: Plan) -> RunResult:
    """Run the plan, and say when each step starts and ends."""

    def tell(event: object) -> None:
        if isinstance(event, StepStarted | StepFinished):
            print(f"{type(event).__name__.removeprefix('Step').lower():>8}  {event.name}")

    result = await Executor(kernel, listeners=[tell]).run(plan)
    print(f"\n{result.text}")
    return result


def clock_server() -> McpServer:
    return McpServer.stdio(sys.executable, "-m", "mcp_server_time", "--local-timezone", "UTC")


@contextmanager
def weather_server() -> Iterator[str]:
    """The API on a free port of this machine; gives its address."""
    import uvicorn
    from doors.weather_api import app

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
