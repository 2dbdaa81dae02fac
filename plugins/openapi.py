"""OpenAPI: an API's operations as functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from planloom.decorator import Effect
from planloom.errors import MissingExtraError
from planloom.function import KernelFunction
from planloom.names import check_name
from planloom.parameter import REQUIRED, Parameter
from planloom.plugins.address import shown_address
from planloom.plugins.errors import SpecificationError
from planloom.plugins.foreign_text import one_line
from planloom.plugins.identifiers import distinct_names, identifier
from planloom.plugins.openapi_document import OpenApiDocument, read_document
from planloom.skill import Skill

if TYPE_CHECKING:
    import httpx

    from planloom.plugins.openapi_auth import Auth
    from planloom.plugins.openapi_body import Input
    from planloom.plugins.openapi_client import ApiClient
    from planloom.plugins.openapi_operation import Operation

__all__ = ["openapi_skill"]

EFFECTS: Mapping[str, Effect] = {"GET": "read", "HEAD": "read", "OPTIONS": "read", "TRACE": "read"}
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""RFC 9110, section 9.2.2."""


def openapi_skill(
    document: str | Path | Mapping[str, Any],
    *,
    name: str | None = None,
    server: str | None = None,
    auth: Auth | Mapping[str, Auth] | None = None,
    headers: Mapping[str, str] | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    effects: Mapping[str, Effect] | None = None,
    timeout: float = 30.0,
    max_bytes: int = 10_000_000,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Skill:
    """The operations of an OpenAPI 3.0 or 3.1 document as a skill.

    GET and HEAD are reads, everything else is a write; PUT and DELETE are idempotent. A function is called
    by its ``operationId``, or by its method and path (``get_users_id``), as an identifier.

    Args:
        document: a file, an ``http(s)`` address, or the document itself; JSON or YAML.
        name: what plans call the skill; the document's title if left out.
        server: where the API is, in place of the document's own first server.
        auth: who calls: ``bearer(...)``, ``api_key(...)``, ``basic(...)``, for every operation that asks for
            it; or one for each security scheme by its name in the document.
        headers: sent with every request. They and ``auth`` go to another server than the address that the
            document was asked of only if ``server`` says so.
        include: patterns on the operation's id or on ``"GET /users/*"``; all operations if left out.
        exclude: patterns of what is left out; it wins.
        effects: what single functions do in truth, by their name here: ``{"searchItems": "read"}``.
        timeout: seconds for one request.
        max_bytes: how long an answer may be.
        transport: what carries the requests; for tests.

    Raises:
        SpecificationError: the document is none, or an operation in it is wrong.
        MissingExtraError: the extra ``openapi`` is not installed.
    """
    made = read_document(document)
    operation_module, client_class = _imported()
    found = list(operation_module.operations(made, include, exclude))
    if not found:
        raise SpecificationError(
            "no operation was chosen: look at include, exclude and the document's paths."
        )
    skill = check_name(name or identifier(made.title or "Api", "api"), "skill")
    client = client_class(_server(made, server), dict(headers or {}), timeout, max_bytes, transport)
    if (auth or headers) and not server:
        _check_where_secrets_go(made, client.server)
    names = distinct_names({item.identity: _wanted(item) for item in found}, "call")
    _check_effects(effects or {}, names)
    functions = [_function(skill, names[item.identity], item, client, auth, effects or {}) for item in found]
    return Skill(skill, one_line(made.description), {function.name: function for function in functions})


def _imported() -> tuple[Any, type[ApiClient]]:
    try:
        from planloom.plugins import openapi_operation
        from planloom.plugins.openapi_client import ApiClient
    except ImportError as error:
        raise MissingExtraError(error.name or "openapi-pydantic", "openapi", "openapi_skill") from error
    return openapi_operation, ApiClient


def _wanted(operation: Operation) -> str:
    return operation.operation_id or f"{operation.method.lower()} {operation.path}"


def _check_effects(effects: Mapping[str, Effect], names: Mapping[str, str]) -> None:
    unknown = effects.keys() - set(names.values())
    if unknown:
        raise SpecificationError(
            f"effects names {', '.join(sorted(unknown))}, which no function here is called."
        )


def _server(document: OpenApiDocument, override: str | None) -> str:
    """Where the API is: an absolute address."""
    base, address = document.url, _declared_server(document.root)
    if override:
        base, address = document.asked, override
    try:
        address = urljoin(base or "", address)
    except ValueError:  # brackets that close nothing
        address = ""
    scheme, host, _ = _origin(address)
    if scheme not in ("http", "https") or not host:
        raise SpecificationError(
            f"there is no server to ask ({shown_address(address)!r}); say server='https://...'."
        )
    return address


def _origin(address: str) -> tuple[str, str, int | None]:
    """Scheme, host and port, as the client that sends the requests reads them; empty for no address."""
    import httpx

    try:
        url = httpx.URL(address)
        return url.scheme, url.host, url.port
    except httpx.InvalidURL:
        return "", "", None


def _declared_server(root: Mapping[str, Any]) -> str:
    servers = root.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else {}
    address = first.get("url") if isinstance(first, Mapping) else None
    if not isinstance(address, str):
        return "/"
    variables = first.get("variables")
    for key, variable in variables.items() if isinstance(variables, Mapping) else ():
        if isinstance(variable, Mapping):
            address = address.replace(f"{{{key}}}", str(variable.get("default", "")))
    return address


def _check_where_secrets_go(document: OpenApiDocument, server: str) -> None:
    """A document from the network must not send the caller's keys to a server of its choice."""
    # Not where a redirect led to: it may be open to everyone's targets.
    if document.asked is not None and _origin(document.asked) != _origin(server):
        shown = shown_address(server)
        raise SpecificationError(
            f"the document at {shown_address(document.asked)} names another server, {shown}, which would be "
            f"sent your key. If it is to have auth and headers, say server={shown!r}.",
            "servers",
        )


def _function(
    skill: str,
    name: str,
    operation: Operation,
    client: ApiClient,
    auth: Auth | Mapping[str, Auth] | None,
    effects: Mapping[str, Effect],
) -> KernelFunction:
    inputs = _in_order([*operation.inputs, *(operation.body.inputs if operation.body else ())])
    keys = distinct_names({item.identity: item.name for item in inputs}, "value")
    call = _Call(f"{skill}.{name}", operation, client, _auths(operation, auth), keys)
    return KernelFunction(
        skill=skill,
        name=name,
        target=call,
        description=operation.description or operation.identity,
        effect=effects.get(name, EFFECTS.get(operation.method, "write")),
        idempotent=operation.method in IDEMPOTENT,
        declared_parameters=tuple(_parameter(keys[item.identity], item) for item in inputs),
        declared_returns=operation.returns,
    )


def _in_order(inputs: list[Input]) -> list[Input]:
    """What is needed first: the path's parts, then others; the order of the document otherwise."""
    return sorted(inputs, key=lambda item: (not item.required, item.place != "path"))


def _parameter(key: str, item: Input) -> Parameter:
    # A default that a document declares is the server's: sending it could overwrite what is stored.
    return Parameter(
        name=key,
        annotation=item.schema.annotation(optional=not item.required),
        description=item.description,
        default=REQUIRED if item.required else None,
        json_schema=lambda: dict(item.schema.whole),
    )


def _auths(operation: Operation, auth: Auth | Mapping[str, Auth] | None) -> tuple[Auth, ...]:
    if auth is None or not operation.security:
        return ()
    if not isinstance(auth, Mapping):
        return (auth,) if any(operation.security) else ()
    for alternative in operation.security:
        if alternative and all(scheme in auth for scheme in alternative):
            return tuple(auth[scheme] for scheme in alternative)
    return ()


class _Call:
    """Calls one operation, with arguments by the names that plans use."""

    def __init__(
        self,
        function: str,
        operation: Operation,
        client: ApiClient,
        auths: tuple[Auth, ...],
        keys: Mapping[str, str],
    ) -> None:
        self._function, self._operation, self._client = function, operation, client
        self._auths, self._keys = auths, keys

    async def __call__(self, /, **arguments: Any) -> Any:
        from planloom.plugins.openapi_request import parts_of

        operation = self._operation
        fields = operation.body.inputs if operation.body else ()
        parts = parts_of(
            self._function,
            operation.path,
            self._given(operation.inputs, arguments),
            operation.body,
            self._given(fields, arguments),
        )
        return await self._client.send(self._function, operation.method, parts, self._auths)

    def _given(self, inputs: Sequence[Input], arguments: Mapping[str, Any]) -> list[tuple[Input, Any]]:
        return [(item, arguments.get(self._keys[item.identity])) for item in inputs]
