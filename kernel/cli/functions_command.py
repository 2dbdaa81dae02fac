"""List the functions that plans may call: parameters, what a call does to the world, what it is for."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from planloom.cli.errors import UsageError
from planloom.cli.exits import Exit
from planloom.cli.options import add_json_argument, add_library_argument, add_skill_argument
from planloom.cli.session import kernel_for
from planloom.cli.terminal import Terminal
from planloom.cli.text import inert_json
from planloom.function import KernelFunction
from planloom.skill import Skill

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "functions"
HELP = "list the functions of skills"


def add_arguments(parser: ArgumentParser) -> None:
    add_skill_argument(parser)
    add_library_argument(parser)
    add_json_argument(parser, "one JSON object a line, with the JSON schema of the parameters")


def run(arguments: Namespace, terminal: Terminal) -> int:
    kernel = kernel_for(arguments, terminal)
    if not kernel.functions:
        raise UsageError("name the skills to list: --skill FILE.py, or one that ships: --skill TextSkill.")
    for skill in kernel.skills.values():
        if arguments.json:
            for function in skill:
                terminal.put_raw(inert_json(_fields(function)) + "\n")
        else:
            terminal.put(_listing(skill))
    return Exit.DONE


def _fields(function: KernelFunction) -> dict[str, object]:
    return {
        "name": function.full_name,
        "description": function.description,
        "kind": function.kind,
        "effect": function.effect,
        "touches": function.resources,
        "parameters": function.schema,
    }


def _listing(skill: Skill) -> str:
    lines = [f"{skill.name}: {skill.description}".rstrip(": ")]
    for function in skill:
        lines.append(f"  {function.signature()}  [{function.kind}, {function.effect}]")
        if function.description:
            lines.append(f"      {function.description}")
        lines += [f"      {p.name}: {p.description}" for p in function.parameters if p.description]
    return "\n".join(lines) + "\n"
