"""Which hosts may be asked: rules such as ``api.example.com``, ``*.example.com`` and ``localhost:8080``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from planloom.errors import RegistrationError

__all__ = ["HostRule", "read_rules"]

NEVER_IN_A_RULE = frozenset("*@ \\%/?#")
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class HostRule:
    """One host, or every host below it; ``port`` None stands for the usual port of the scheme."""

    host: str
    below: bool
    port: int | None

    def admits(self, scheme: str, host: str, port: int | None) -> bool:
        """Whether an address with this scheme, host and port (None: the usual one) may be asked."""
        usual = DEFAULT_PORTS.get(scheme)
        if (usual if port is None else port) != (usual if self.port is None else self.port):
            return False
        return host.endswith(f".{self.host}") if self.below else host == self.host


def read_rules(hosts: Collection[str]) -> tuple[HostRule, ...]:
    """The rules that ``hosts`` write.

    Raises:
        RegistrationError: there are none, or one is not a host with an optional port.
    """
    if isinstance(hosts, str) or not hosts:
        raise RegistrationError(
            'HttpSkill needs the hosts that may be asked, as in allowed_hosts=["api.example.com"].', hosts
        )
    return tuple(_read_rule(text) for text in hosts)


def _read_rule(text: str) -> HostRule:
    below = text.startswith("*.")
    rest = text.removeprefix("*.").lower()
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not rest.isascii() or set(rest) & NEVER_IN_A_RULE:
        raise RegistrationError(
            f"HttpSkill: {text!r} is no host rule. Write api.example.com, *.example.com or localhost:8080, "
            "without scheme or path, and names with other letters in their xn-- form.",
            text,
        )
    return HostRule(host, below, port)
