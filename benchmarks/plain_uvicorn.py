"""The least that can serve a synthetic engine over HTTP: one uvicorn process that streams its frames.

``python -m benchmarks.plain_uvicorn PORT SPEC``, SPEC being the engine's as JSON. Nothing is routed or checked.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
import uvicorn

from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.request import Context, Request

HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
FAR_S = 1e12


class App:
    """An ASGI application around one engine."""

    def __init__(self, engine: SyntheticEngine) -> None:
        self._engine = engine

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer a chat completion with a stream."""
        if scope["type"] != "http":
            return
        body = msgspec.json.decode(await _read(receive))
        request = Request(endpoint="chat", model=body["model"], body=body, stream=True)
        context = Context(request_id=uuid.uuid4().hex, deadline_s=FAR_S, now=datetime.now(UTC))
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        async for frame in self._engine.generate(request, context):
            await send({"type": "http.response.body", "body": frame.data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _read(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message: dict[str, Any] = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def serve(port: int, spec: SyntheticSpec) -> None:
    """Serve until the process is told to end."""
    engine = SyntheticEngine("dense", "dense", "plain", spec)
    await engine.start()
    config = uvicorn.Config(
        App(engine),
        host="127.0.0.1", port=port, loop="uvloop", http="httptools", lifespan="off", access_log=False,
        log_level="warning", backlog=4096,
    )  # fmt: skip
    try:
        await uvicorn.Server(config).serve()
    finally:
        await engine.stop()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), SyntheticSpec.model_validate_json(sys.argv[2])))
