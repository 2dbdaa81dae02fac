"""Addresses as messages may show them: without what may be secret."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["shown_address"]


def shown_address(address: str) -> str:
    """An address without its user, password, query and fragment; "an address" for text that is none."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # of "http://me:pass/word@host" the password would be the rest
    except ValueError:
        return "an address"
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()
