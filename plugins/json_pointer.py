"""References inside one JSON document, and schemas made to stand alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from planloom.plugins.errors import SpecificationError

__all__ = ["followed", "standalone"]

MOST_HOPS = 32
DATA = frozenset({"example", "examples", "default", "enum", "const", "x-examples"})
"""Keywords whose values are data: a ``$ref`` in them refers to nothing."""
BY_NAME = frozenset({"properties", "patternProperties", "dependentSchemas"})
"""Keywords whose values are schemas by names of the author's own, which may be those of keywords."""
MOVING = frozenset({"$id", "$schema", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor"})
"""Keywords that change what a ``$ref`` means, fetch it, or change which rules hold."""
LEFT_OUT = MOVING | {"$recursiveRef", "$defs", "definitions"}

Rewrite = Callable[[dict[str, Any]], dict[str, Any]]


def followed(node: Any, root: Any) -> Any:
    """What a node stands for: itself, or where its chain of ``$ref`` leads.

    Raises:
        SpecificationError: a reference leads out of the document, nowhere, or in a circle.
    """
    reference: Any = ""
    for _ in range(MOST_HOPS):
        reference = node.get("$ref") if isinstance(node, Mapping) else None
        if not isinstance(reference, str):
            return node
        node = _found(reference, root)
    raise SpecificationError("a chain of references does not end", str(reference))


def _found(reference: str, root: Any) -> Any:
    if reference != "#" and not reference.startswith("#/"):
        raise SpecificationError(
            f"{reference[:200]!r} refers to another document; bundle them into one first", reference
        )
    node = root
    for part in _parts(reference):
        try:
            node = node[int(part)] if isinstance(node, list) else node[part]
        except (KeyError, IndexError, ValueError, TypeError):
            raise SpecificationError(f"{reference[:200]!r} refers to nothing", reference) from None
    return node


def _parts(reference: str) -> Iterator[str]:
    for part in reference.split("/")[1:]:
        yield unquote(part).replace("~1", "/").replace("~0", "~")


def standalone(schema: Any, root: Any, rewrite: Rewrite = dict) -> dict[str, Any]:
    """A schema with all that it refers to in its own ``$defs``; ``rewrite`` is applied to each object in it.

    Raises:
        SpecificationError: a reference leads nowhere, or the schema is nested too deep to be read.
    """
    names: dict[str, str] = {}
    try:
        made = _localised(schema, names, rewrite)
        definitions: dict[str, Any] = {}
        while missing := [reference for reference in names if names[reference] not in definitions]:
            for reference in missing:
                found = _found(reference, root)
                definitions[names[reference]] = _localised(found, names, rewrite)
    except RecursionError:
        raise SpecificationError("a schema is nested too deep to be read") from None
    made = made if isinstance(made, dict) else {}
    return {**made, "$defs": definitions} if definitions else made


def _localised(node: Any, names: dict[str, str], rewrite: Rewrite) -> Any:
    if isinstance(node, list):
        return [_localised(item, names, rewrite) for item in node]
    if not isinstance(node, Mapping):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        return {"$ref": f"#/$defs/{_definition_name(reference, names)}"}
    return {
        key: value if key in DATA else _part(key, value, names, rewrite)
        for key, value in rewrite(dict(node)).items()
        if key not in LEFT_OUT
    }


def _part(key: str, value: Any, names: dict[str, str], rewrite: Rewrite) -> Any:
    if key in BY_NAME and isinstance(value, Mapping):
        return {name: _localised(schema, names, rewrite) for name, schema in value.items()}
    return _localised(value, names, rewrite)


def _definition_name(reference: str, names: dict[str, str]) -> str:
    if reference not in names:
        last = next(reversed(list(_parts(reference))), "") or "root"
        plain = "".join(mark if mark.isalnum() or mark in "_-." else "_" for mark in last)
        taken = set(names.values())
        count = sum(name == plain or name.startswith(f"{plain}__") for name in taken)
        names[reference] = f"{plain}__{count + 1}" if count else plain
    return names[reference]
