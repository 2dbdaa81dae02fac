"""Operations of an OpenAPI document: what each takes, where it goes in a request, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from openapi_pydantic.v3 import v3_0, v3_1
from pydantic import ValidationError

from planloom.plugins.errors import SpecificationError
from planloom.plugins.foreign_text import one_line
from planloom.plugins.json_pointer import followed
from planloom.plugins.json_schema import ForeignSchema
from planloom.plugins.openapi_body import Body, Input, body_of
from planloom.plugins.openapi_dialect import request_schema, response_schema
from planloom.plugins.openapi_document import OpenApiDocument

__all__ = ["Operation", "operations"]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
SET_BY_HTTP = frozenset({"accept", "content-type", "authorization"})
"""Headers that a document may not declare as parameters (OpenAPI 3.1, Parameter Object)."""


@dataclass(frozen=True)
class Operation:
    """One operation; ``security`` are the alternatives, each the names of the schemes that it needs."""

    method: str
    path: str
    operation_id: str
    description: str
    inputs: tuple[Input, ...]
    body: Body | None
    returns: Any
    security: tuple[tuple[str, ...], ...]

    @property
    def identity(self) -> str:
        return f"{self.method} {self.path}"


def operations(
    document: OpenApiDocument, include: Sequence[str], exclude: Sequence[str]
) -> Iterator[Operation]:
    """The chosen operations, in the document's order.

    ``include`` and ``exclude`` are patterns on an operation's id (``list*``) or on its method and path
    (``GET /users/*``), case aside; what is not chosen is not even read, so it may be wrong.

    Raises:
        SpecificationError: a chosen operation is not described as OpenAPI has it.
    """
    root = document.root
    for path, found in root["paths"].items():
        item = followed(found, root)
        if not isinstance(item, Mapping):
            raise SpecificationError(f"paths.{path} is no path item", f"paths.{path}")
        for method in METHODS:
            raw = item.get(method)
            if raw is not None and _is_chosen(method, path, raw, include, exclude):
                yield _read(document, path, method, raw, item)


def _is_chosen(method: str, path: str, raw: Any, include: Sequence[str], exclude: Sequence[str]) -> bool:
    names = [f"{method} {path}".lower()]
    if isinstance(raw, Mapping) and isinstance(raw.get("operationId"), str):
        names.append(raw["operationId"].lower())
    return (not include or _matches(names, include)) and not _matches(names, exclude)


def _matches(names: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern.lower()) for name in names for pattern in patterns)


def _read(document: OpenApiDocument, path: str, method: str, raw: Any, item: Mapping[str, Any]) -> Operation:
    place = f"{method.upper()} {path}"
    try:
        return _operation(document, path, method, raw, item)
    except ValidationError as error:
        raise SpecificationError(
            f"{place} is not described as OpenAPI has it: {_first(error)}. "
            f"Mend the document, or leave it out: exclude=[{place!r}].",
            place,
        ) from None
    except SpecificationError as error:
        raise SpecificationError(
            f"{place}: {error}. Mend it, or leave it out: exclude=[{place!r}].", place
        ) from None


def _first(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"


def _operation(
    document: OpenApiDocument, path: str, method: str, raw: Any, item: Mapping[str, Any]
) -> Operation:
    if not path.startswith("/"):  # "@other.example/x" would turn the server before it into a user's name
        raise SpecificationError("its path does not begin with a slash")
    root, model = document.root, v3_0 if document.version == "3.0" else v3_1
    checked = model.Operation.model_validate(_outline(raw))
    body = followed(raw.get("requestBody"), root)
    security = checked.security if checked.security is not None else root.get("security") or []
    return Operation(
        method=method.upper(),
        path=path,
        operation_id=checked.operationId or "",
        description=_description(checked.summary, checked.description),
        inputs=tuple(_inputs(document, path, [*_listed(item), *_listed(raw)])),
        body=body_of(model.RequestBody.model_validate(body), body, root) if body else None,
        returns=_returns(raw.get("responses"), root),
        security=tuple(tuple(alternative) for alternative in security if isinstance(alternative, Mapping)),
    )


def _outline(raw: Any) -> Any:
    """An operation without the parts that are followed and checked one by one, or not used at all."""
    if not isinstance(raw, Mapping):
        return raw
    apart = ("parameters", "requestBody", "responses", "callbacks")
    return {**{key: value for key, value in raw.items() if key not in apart}, "responses": {}}


def _description(summary: str | None, description: str | None) -> str:
    parts = dict.fromkeys(one_line(text) for text in (summary, description) if text)
    return one_line(". ".join(part.rstrip(".") for part in parts)) + ("." if parts else "")


def _listed(holder: Mapping[str, Any]) -> list[Any]:
    parameters = holder.get("parameters") or []
    if not isinstance(parameters, list):
        raise SpecificationError("parameters is no list")
    return parameters


def _inputs(document: OpenApiDocument, path: str, listed: Sequence[Any]) -> Iterator[Input]:
    model = v3_0 if document.version == "3.0" else v3_1
    found: dict[tuple[str, str], Input] = {}
    for reference in listed:
        raw = followed(reference, document.root)
        parameter = model.Parameter.model_validate(raw)
        place = parameter.param_in.value
        if place == "header" and parameter.name.lower() in SET_BY_HTTP:
            continue
        if place == "path" and f"{{{parameter.name}}}" not in path:
            continue
        found[place, parameter.name] = _input(parameter, place, raw, document.root)
    for name in _named_in(path):
        # A usual fault: a part of the path that no parameter describes. It is needed all the same.
        found.setdefault(("path", name), Input(name, "path", ForeignSchema({"type": "string"}, {}), True))
    yield from found.values()


def _input(parameter: Any, place: str, raw: Mapping[str, Any], root: Any) -> Input:
    content = raw.get("content")
    media = next(iter(content.values()), {}) if isinstance(content, Mapping) else raw
    schema = media.get("schema") if isinstance(media, Mapping) else None
    style = parameter.style or ("form" if place in ("query", "cookie") else "simple")
    return Input(
        name=parameter.name,
        place=place,
        schema=ForeignSchema(schema if isinstance(schema, Mapping) else {}, root, request_schema),
        required=parameter.required or place == "path",
        description=one_line(parameter.description),
        style="json" if content else style,
        explode=style == "form" if parameter.explode is None else parameter.explode,
    )


def _named_in(path: str) -> Iterator[str]:
    for piece in path.split("{")[1:]:
        name, closed, _ = piece.partition("}")
        if closed and name:
            yield name


def _returns(responses: Any, root: Any) -> Any:
    """The shape of the first success that has one."""
    if not isinstance(responses, Mapping):
        return Any
    codes = sorted(str(code) for code in responses if str(code).startswith("2"))
    for code in [*codes, "default"]:
        response = followed(responses.get(code), root)
        content = response.get("content") if isinstance(response, Mapping) else None
        for kind, media in content.items() if isinstance(content, Mapping) else ():
            schema = media.get("schema") if isinstance(media, Mapping) else None
            if isinstance(schema, Mapping):
                return ForeignSchema(schema, root, response_schema).shape() if "json" in kind else str
    return Any
