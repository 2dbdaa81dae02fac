"""A small shop with a real HTTP API: what the tests of the OpenAPI door call."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from fastapi.security import APIKeyHeader, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from pydantic import BaseModel, Field

bearer_scheme = HTTPBearer(scheme_name="token")
key_scheme = APIKeyHeader(name="X-Key", scheme_name="key")
basic_scheme = HTTPBasic(scheme_name="login")


class Part(BaseModel):
    name: str
    parts: list[Part] = []


class Item(BaseModel):
    id: int
    name: str
    price: float = Field(ge=0)
    colour: Literal["red", "blue"] | None = None
    tree: Part | None = None


class NewItem(BaseModel):
    name: str = Field(min_length=1, description="What it is called")
    price: float = Field(ge=0)
    colour: Literal["red", "blue"] | None = None
    tree: Part | None = None


def shop() -> FastAPI:
    """A new shop with three items."""
    app = FastAPI(title="Corner Shop", description="Sells things.")
    names = ["apple", "pear", "plum"]
    items = {n: Item(id=n, name=name, price=float(n)) for n, name in enumerate(names, 1)}

    @app.get("/items", operation_id="listItems")
    async def list_items(
        limit: Annotated[int, Query(ge=1, le=100, description="How many")] = 10,
        name: Annotated[list[str] | None, Query()] = None,
    ) -> list[Item]:
        """The items for sale."""
        return [item for item in items.values() if not name or item.name in name][:limit]

    @app.get("/items/{item_id}", operation_id="get-item")
    async def get_item(item_id: int, x_trace: Annotated[str | None, Header()] = None) -> Item:
        """One item."""
        if item_id not in items:
            raise HTTPException(404, detail={"missing": item_id, "trace": x_trace})
        return items[item_id]

    @app.post("/items", operation_id="addItem", status_code=201)
    async def add_item(item: NewItem) -> Item:
        """Put an item up for sale."""
        made = Item(id=len(items) + 1, **item.model_dump())
        items[made.id] = made
        return made

    @app.delete("/items/{item_id}", operation_id="deleteItem", status_code=204)
    async def delete_item(item_id: int) -> None:
        """Take an item away."""
        items.pop(item_id, None)

    @app.get("/after", operation_id="page")
    async def page(after: str) -> dict[str, str]:
        return {"after": after}

    @app.get("/echo/{text}", operation_id="echo")
    async def echo(text: str, q: str = "") -> dict[str, str]:
        return {"text": text, "q": q}

    @app.post("/secret/token", operation_id="withToken")
    async def with_token(
        credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer_scheme)],
    ) -> str:
        return credentials.credentials

    @app.get("/secret/key", operation_id="withKey")
    async def with_key(key: Annotated[str, Depends(key_scheme)]) -> str:
        return key

    @app.get("/secret/login", operation_id="withLogin")
    async def with_login(login: Annotated[HTTPBasicCredentials, Depends(basic_scheme)]) -> str:
        return f"{login.username}:{login.password}"

    @app.get("/bad/{kind}", operation_id="bad")
    async def bad(kind: str) -> Any:
        return Response(**BAD[kind])

    @app.get("/fail", operation_id="fail")
    async def fail() -> Any:
        return Response("out of order", status_code=503)

    return app


JSON = "application/json"
BAD: dict[str, dict[str, Any]] = {
    "utf8": {"content": b'{"name": "\xff\xfe"}', "media_type": JSON},
    "json": {"content": b'{"name": ', "media_type": JSON},
    "deep": {"content": b"[" * 100_000, "media_type": JSON},
    "large": {"content": b'"' + b"x" * 50_000_000 + b'"', "media_type": JSON},
    "gzip": {"content": b"x", "headers": {"content-encoding": "gzip"}},
    "away": {"status_code": 307, "headers": {"location": "http://127.0.0.2:9/elsewhere?key=1"}},
    "home": {"status_code": 307, "headers": {"location": "/items/1"}},
    "circle": {"status_code": 307, "headers": {"location": "/bad/circle"}},
    "empty": {"content": b"", "media_type": JSON},
    "text": {"content": "plain", "media_type": "text/plain"},
}
