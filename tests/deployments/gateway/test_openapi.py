"""The served OpenAPI document, and requests made up from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as examples
from jsonschema import Draft202012Validator, ValidationError

from deployments.errors import Invalid
from deployments.gateway.app import build_app
from deployments.gateway.openapi import document
from deployments.gateway.surfaces import SURFACES, parse
from tests.deployments.gateway.building import client, engines, fleet, gateway, with_pooling
from tests.deployments.scripted import Scripted

Call = Callable[..., httpx.Response]
DOCUMENT = document()
schema = schemathesis.openapi.from_dict(DOCUMENT)


async def test_the_document_is_served() -> None:
    """At the usual address, as JSON."""
    async with client(gateway(Scripted({}))) as calls:
        answer = await calls.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == DOCUMENT


def test_every_route_is_described() -> None:
    """What is served and what is described are the same addresses; metrics are no JSON, the document not its own."""
    served = {route.path.replace(":path", "") for route in build_app(gateway(Scripted({}))).routes}  # type: ignore[attr-defined]
    assert served - {"/metrics", "/openapi.json"} == set(DOCUMENT["paths"])


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": "hi"}]},
        {"messages": [{"role": "user", "content": "hi"}], "unknown": {"deep": [1]}},
        {"messages": []},
        {"messages": [{"role": "robot", "content": "hi"}]},
        {"messages": [{"role": "user", "content": "hi"}], "temperature": -1},
        {"messages": [{"role": "user", "content": "hi"}], "n": 0},
        {},
    ],
)
def test_the_schema_refuses_what_the_gateway_refuses(body: dict[str, Any]) -> None:
    """Bounds, required fields and closed sets stand in the document; what is unknown is let through."""
    chat = {**DOCUMENT["components"]["schemas"]["ChatCompletionRequest"], "components": DOCUMENT["components"]}
    assert _refused(lambda: Draft202012Validator(chat).validate(body), ValidationError) == _refused(
        lambda: parse("chat", body), Invalid
    )


def _refused(check: Any, error: type[Exception]) -> bool:
    try:
        check()
    except error:
        return True
    return False


def test_every_body_is_described_by_the_type_that_checks_it() -> None:
    """One schema a surface, by its type's name."""
    for surface in SURFACES.values():
        if surface.body is not None:
            for path in surface.paths:
                body = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
                assert body == {"$ref": f"#/components/schemas/{surface.body.__name__}"}


@pytest.fixture(scope="module")
def call() -> Iterator[Call]:
    """Send a request to one gateway that lives as long as the module's tests."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def opened() -> httpx.AsyncClient:
            transport = await stack.enter_async_context(engines())
            return await stack.enter_async_context(client(gateway(transport, lambda: fleet(embed=1), **with_pooling())))

        calls = runner.run(opened())
        yield lambda **sent: runner.run(calls.request(**sent))
        runner.run(stack.aclose())


@schema.parametrize()
@examples(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_makes_a_server_error(call: Call, case: schemathesis.Case) -> None:
    """Valid by the schema or not, a request is answered, or refused in JSON with a status of the client's."""
    sent = case.as_transport_kwargs(base_url="http://gateway")
    if isinstance(data := sent.pop("data", None), bytes):
        sent["content"] = data
    answer = call(**{name: value for name, value in sent.items() if name != "cookies"})
    assert answer.status_code < 500, answer.text
    assert answer.headers["content-type"].startswith(("application/json", "text/event-stream"))
    if answer.status_code >= 400:
        assert answer.json()["error"]["message"]
