"""A server that speaks OpenAI's chat protocol: it answers every request with what it was asked last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def chat_api(seen: list[dict[str, Any]]) -> FastAPI:
    """The application; each request's body is added to ``seen``."""
    app = FastAPI()

    @app.post("/v1/chat/completions", response_model=None)
    async def complete(request: Request) -> Response:
        body = await request.json()
        seen.append(body)
        if request.headers.get("authorization") != "Bearer good":
            return Response('{"error": {"message": "wrong key"}}', 401, media_type="application/json")
        said = f"You said: {body['messages'][-1]['content']}"
        if "overload" in said:
            return Response('{"error": {"message": "too many"}}', 429, media_type="application/json")
        if body.get("stream"):
            return StreamingResponse(_events(said), media_type="text/event-stream")
        choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "length"}
        return Response(json.dumps({**_head("chat.completion"), "choices": [choice], "usage": USAGE}), 200)

    return app


def _head(kind: str) -> dict[str, Any]:
    return {"id": "1", "object": kind, "created": 1, "model": "parrot"}


def _events(said: str) -> Iterator[str]:
    head = _head("chat.completion.chunk")
    for word in said.split(" "):
        delta = {"index": 0, "delta": {"role": "assistant", "content": f"{word} "}, "finish_reason": None}
        yield f"data: {json.dumps({**head, 'choices': [delta]})}\n\n"
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    yield f"data: {json.dumps({**head, 'choices': [end]})}\n\n"
    yield f"data: {json.dumps({**head, 'choices': [], 'usage': USAGE})}\n\n"
    yield "data: [DONE]\n\n"
