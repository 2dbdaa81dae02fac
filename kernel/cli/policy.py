"""The policy that ``--policy`` names: one of those that ship, or an object in a file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from planloom.cli.errors import SkillSourceError, UsageError
from planloom.cli.skills import named_object
from planloom.planners.running.policies import AllowAll, AskBeforeWrites
from planloom.planners.running.policy import Policy

__all__ = ["add_policy_argument", "policy_for"]

SHIPPED: dict[str, type[Policy]] = {"AllowAll": AllowAll, "AskBeforeWrites": AskBeforeWrites}


def add_policy_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--policy",
        metavar="POLICY",
        help=f"what decides which calls may run: {', '.join(SHIPPED)}, FILE.py:NAME or PACKAGE.MODULE:NAME",
    )


def policy_for(arguments: Namespace) -> Policy | None:
    """The policy of ``--policy``; raises ``UsageError`` when it cannot be loaded or is none."""
    source = arguments.policy
    if source is None:
        return None
    if source in SHIPPED:
        return SHIPPED[source]()
    try:
        found: Any = named_object(source)
    except SkillSourceError as error:
        raise UsageError(f"--policy {source}: {error.reason}") from error
    policy: Policy = found() if isinstance(found, type) else found
    if not callable(getattr(policy, "decide", None)):
        raise UsageError(f"--policy {source}: it has no method `decide`.")
    return policy
