"""YAML without tags that make objects and without aliases, which a short file can unfold to any size."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.events import AliasEvent
from yaml.nodes import Node

__all__ = ["load_yaml"]


class _PlainLoader(yaml.SafeLoader):
    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if self.check_event(AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not supported; write the value out")
        return super().compose_node(parent, index)


def load_yaml(text: str) -> Any:
    """The value that ``text`` holds; raises ValueError, or RecursionError if it is nested too deeply."""
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, LookupError, AttributeError, TypeError) as error:
        # the others come of explicit tags: !!bool maybe, !!timestamp never
        raise ValueError(str(error)) from error
