"""Serve functions and stored plans as the tools of an MCP server.

Speaks over standard input and output, as clients that start a server expect; with --http, at an address. A
plan is one tool, with the plan's inputs as its arguments. Whoever can connect can call what is served:
--read-only, --include and --exclude say what that is.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planloom.cli.errors import UsageError
from planloom.cli.exits import Exit
from planloom.cli.interrupt import run_interruptibly
from planloom.cli.model import service_for
from planloom.cli.options import add_library_argument, add_model_arguments, add_skill_argument
from planloom.cli.session import kernel_for
from planloom.cli.source import read_plan_text
from planloom.cli.terminal import Terminal
from planloom.kernel import Kernel
from planloom.planners.library.plan_function import plan_function, value_of
from planloom.planners.library.plan_library import SKILL as PLANS
from planloom.planners.plan import Plan
from planloom.planners.running.executor import Executor

if TYPE_CHECKING:
    from planloom.plugins.mcp_server import McpService

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "serve-mcp"
HELP = "serve functions and plans as an MCP server"


def add_arguments(parser: ArgumentParser) -> None:
    add_skill_argument(parser)
    add_library_argument(parser)
    parser.add_argument(
        "--plan",
        action="append",
        default=[],
        metavar="FILE",
        help="a plan to serve as a tool; may be repeated",
    )
    parser.add_argument("--include", action="append", default=[], metavar="PATTERN", help="as in Plans.*")
    parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help="as in *.delete*")
    parser.add_argument("--read-only", action="store_true", help="serve nothing that changes anything")
    parser.add_argument("--name", default="planloom", help="what clients call the server (%(default)s)")
    parser.add_argument(
        "--http", type=_place, metavar="[HOST:]PORT", help="serve at http://HOST:PORT/mcp (host: 127.0.0.1)"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="with --http: a name that clients call this machine by, as in shop.local; may be repeated",
    )
    add_model_arguments(parser)


def run(arguments: Namespace, terminal: Terminal) -> int:
    from planloom.plugins.mcp_server import McpService

    kernel = kernel_for(arguments, terminal)
    _add_plans(kernel, arguments.plan)
    if any(function.kind == "prompt" for function in kernel.functions.values()):
        kernel.add_service(service_for(arguments), default=True)
    service = McpService(
        kernel,
        name=arguments.name,
        include=arguments.include,
        exclude=arguments.exclude,
        read_only=arguments.read_only,
    )
    if not service.functions():
        raise UsageError(
            "nothing is left to serve: give --skill, --plan or --library, and look at --include."
        )
    terminal.say(f"planloom: serving {len(service.functions())} tools{_where(arguments)}")
    run_interruptibly(_serve(service, arguments), terminal)
    return Exit.DONE


async def _serve(service: McpService, arguments: Namespace) -> None:
    from planloom.plugins.mcp_server import serve_http, serve_stdio

    if arguments.http is None:
        await serve_stdio(service)
    else:
        await serve_http(service, *arguments.http, hosts=arguments.allow_host)


def _where(arguments: Namespace) -> str:
    return "" if arguments.http is None else " at http://{}:{}/mcp".format(*arguments.http)


def _add_plans(kernel: Kernel, files: Sequence[str]) -> None:
    for file in files:
        plan = read_plan_text(file).check(kernel)
        name = Path(file).stem.replace("-", "_")
        description = plan.goal or f"Run the plan {name}."
        kernel.add_function(plan_function(name, description, plan, _runner(kernel, plan)), skill=PLANS)


def _runner(kernel: Kernel, plan: Plan) -> Any:
    async def run(variables: Mapping[str, Any]) -> Any:
        return value_of(await Executor(kernel).run(plan, variables))

    return run


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        raise ArgumentTypeError(f"{text!r} is no port; write 8000 or 127.0.0.1:8000")
    return host or "127.0.0.1", int(port)
