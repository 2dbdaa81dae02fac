"""Which kernel serves which task queue in this process: a workflow cannot carry functions with it."""

from __future__ import annotations

from dataclasses import dataclass

from planloom.errors import PlanloomError
from planloom.kernel import Kernel
from planloom.planners.running.policy import Policy

__all__ = ["Host", "HostError", "host", "hosted"]


class HostError(PlanloomError):
    """This process has no kernel for a task queue, or another one already."""


@dataclass(frozen=True, slots=True)
class Host:
    """What a worker has: functions, and what decides which calls may run."""

    kernel: Kernel
    policy: Policy | None


_HOSTS: dict[tuple[str, str], Host] = {}


def host(namespace: str, task_queue: str, kernel: Kernel, policy: Policy | None) -> None:
    """Serve a task queue with a kernel; raises ``HostError`` when another kernel does."""
    known = _HOSTS.setdefault((namespace, task_queue), Host(kernel, policy))
    if known.kernel is not kernel or known.policy is not policy:
        raise HostError(
            f"another kernel or policy serves the task queue {task_queue} in this process; use one for both."
        )


def hosted(namespace: str, task_queue: str) -> Host:
    """Raises ``HostError`` when nothing serves the queue here."""
    found = _HOSTS.get((namespace, task_queue))
    if found is None:
        raise HostError(
            f"no kernel serves the task queue {task_queue} in this process; make a worker for it."
        )
    return found
