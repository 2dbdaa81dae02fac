"""OpenAPI documents: read from a file, an address or a mapping, and known to be one."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from planloom.errors import MissingExtraError
from planloom.plugins.address import shown_address
from planloom.plugins.errors import SpecificationError

__all__ = ["OpenApiDocument", "read_document"]

MOST_BYTES = 64_000_000
MOST_NODES = 1_000_000
MOST_REDIRECTS = 5
DEEPEST = 200


@dataclass(frozen=True)
class OpenApiDocument:
    """A checked document: ``root`` is all of it.

    ``asked`` is the address that it was asked of, if of one, and ``url`` where it was in the end.
    """

    root: Mapping[str, Any]
    version: str
    asked: str | None = None
    url: str | None = None

    @property
    def title(self) -> str:
        info = self.root.get("info")
        title = info.get("title") if isinstance(info, Mapping) else None
        return title if isinstance(title, str) else ""

    @property
    def description(self) -> str:
        info = self.root.get("info")
        text = info.get("description") if isinstance(info, Mapping) else None
        return text if isinstance(text, str) else self.title


def read_document(source: str | Path | Mapping[str, Any]) -> OpenApiDocument:
    """The document at a path or an ``http(s)`` address, or the one given, which is not changed.

    Raises:
        SpecificationError: it cannot be read, or is no OpenAPI 3.0 or 3.1 document.
    """
    if isinstance(source, Mapping):
        return _checked(source)
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        data, url = _fetched(source)
        return replace(_checked(_parsed(data, shown_address(source))), asked=source, url=url)
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise SpecificationError(f"{source} cannot be read: {error.strerror or error}", str(source)) from None
    return _checked(_parsed(data, str(source)))


def _fetched(address: str) -> tuple[bytes, str]:
    try:
        import httpx
    except ImportError as error:
        raise MissingExtraError("httpx", "openapi", "reading an API description from an address") from error
    data, shown = bytearray(), shown_address(address)
    try:
        with (
            httpx.Client(timeout=30, follow_redirects=True, max_redirects=MOST_REDIRECTS) as client,
            client.stream("GET", address) as response,
        ):
            response.raise_for_status()
            for piece in response.iter_bytes():
                data += piece
                if len(data) > MOST_BYTES:
                    raise SpecificationError(f"{shown} is larger than {MOST_BYTES} bytes", shown)
    except httpx.HTTPStatusError as error:
        raise SpecificationError(f"{shown} answered {error.response.status_code}", shown) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SpecificationError(f"{shown} cannot be read ({type(error).__name__})", shown) from None
    return bytes(data), str(response.url)


def _parsed(data: bytes, place: str) -> Any:
    try:
        text = data.decode("utf-8-sig")
        return json.loads(text) if text.lstrip().startswith("{") else _parsed_yaml(text)
    except UnicodeDecodeError as error:
        raise SpecificationError(f"{place} is not UTF-8 text (byte {error.start})", place) from None
    except json.JSONDecodeError as error:
        raise SpecificationError(f"{place} is not JSON: {error}", place) from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise SpecificationError(f"{place} is not YAML: {problem[:300]}", place) from None
    except (LookupError, AttributeError, TypeError, ValueError) as error:
        # of explicit tags (!!bool maybe, !!timestamp never), and of numbers with thousands of digits
        raise SpecificationError(f"{place} holds a value that cannot be read: {error}", place) from None
    except RecursionError:
        raise SpecificationError(f"{place} is nested too deep to be read", place) from None


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as JSON would have it: dates stay text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to configure a loader
        first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _parsed_yaml(text: str) -> Any:
    _refuse_depths(text)
    loader = _Loader(text)  # a safe one
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _refuse_bomb(node)
        return _with_text_keys(loader.construct_document(node))
    finally:
        loader.dispose()


def _refuse_depths(text: str) -> None:
    """The loader in C is recursive, and a file of open brackets would overflow its stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise SpecificationError(f"the YAML document is nested too deep to be read (over {DEEPEST})")


def _refuse_bomb(document: yaml.Node) -> None:
    """Aliases of aliases make a few lines into billions of values, with ``<<`` even while they are read."""
    if _weight(document, {}) > MOST_NODES:
        raise SpecificationError(f"the YAML document stands for more than {MOST_NODES} values")


def _weight(node: yaml.Node, known: dict[yaml.Node, float]) -> float:
    """How many values a node stands for once its aliases are written out."""
    if node not in known:
        known[node] = math.inf  # what holds itself is never written out
        parts = [part for _, part in node.value] if isinstance(node, yaml.MappingNode) else node.value
        is_scalar = isinstance(node, yaml.ScalarNode)
        known[node] = 1 if is_scalar else 1 + sum(_weight(part, known) for part in parts)
    return known[node]


def _with_text_keys(node: Any) -> Any:
    # ``200:`` without quotes is a number in YAML
    if isinstance(node, dict):
        return {str(key): _with_text_keys(value) for key, value in node.items()}
    return [_with_text_keys(item) for item in node] if isinstance(node, list) else node


def _checked(root: Any) -> OpenApiDocument:
    if not isinstance(root, Mapping):
        raise SpecificationError("an OpenAPI document is an object; this is a " + type(root).__name__)
    version = root.get("openapi")
    if "swagger" in root and version is None:
        raise SpecificationError("this is Swagger 2.0; convert it to OpenAPI 3 first", "swagger")
    if not isinstance(version, str) or not version.startswith("3."):
        raise SpecificationError("this is no OpenAPI 3 document: it has no openapi: 3.x", "openapi")
    if not isinstance(root.get("paths"), Mapping):
        raise SpecificationError("the document has no paths, so it describes no operations", "paths")
    return OpenApiDocument(root, "3.0" if version.startswith("3.0") else "3.1")
