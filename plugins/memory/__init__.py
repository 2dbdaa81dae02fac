"""Memory: what was saved or read from documents, found again by meaning and by words.

Each name is imported on first use, and with it the packages that it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "FileStore": "file_store",
    "InProcessStore": "in_process",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
