"""Who runs a run: one process of one boot of one machine, and until when its word counts.

A lease is told on the machine's own steady clock, which no change of the time of day moves. An owner on
another machine is judged by the time of day, which is all that two machines share.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Clock", "Lease", "is_over", "this_process"]


class Clock:
    """The clocks of this machine, in seconds."""

    def wall(self) -> float:
        return time.time()

    def steady(self) -> float:
        """Since the machine started; the same for all its processes."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Lease:
    """``owner`` may write until ``steady`` on its own machine, ``wall`` seen from any other."""

    owner: str
    steady: float
    wall: float


@cache
def _machine() -> str:
    """This boot of this machine, and the set of processes in which a process id means something."""
    return f"{socket.gethostname()} {_read('/proc/sys/kernel/random/boot_id')} {_pid_namespace()}"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return "-"


def _pid_namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return "-"


def this_process() -> str:
    """A name for this process that no other process has had or will have."""
    pid = os.getpid()
    return f"{_machine()} {pid} {_born(pid)}"


def is_over(lease: Lease, clock: Clock) -> bool:
    """Whether the owner is certainly gone, or its time is up."""
    machine, pid, born = lease.owner.rsplit(" ", 2)
    if machine == _machine():
        return clock.steady() >= lease.steady or _gone(int(pid), born)
    if _rebooted(machine):
        return True
    return clock.wall() >= lease.wall


def _rebooted(machine: str) -> bool:
    """Whether it is this machine before it was started again."""
    host, boot, _ = machine.split(" ", 2)
    here, now, _ = _machine().split(" ", 2)
    return host == here and "-" not in (boot, now) and boot != now


def _gone(pid: int, born: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return _born(pid) != born or _is_zombie(pid)


def _born(pid: int) -> str:
    """When the process started, in ticks since the boot: process ids are used again."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else "-"


def _is_zombie(pid: int) -> bool:
    return _stat(pid)[:1] == ["Z"]


def _stat(pid: int) -> list[str]:
    """The fields after the process's name, which may itself hold blanks and brackets."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
