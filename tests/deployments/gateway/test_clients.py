"""The official clients, and a framework that sits on them, against a gateway on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import anthropic
import openai
import pytest
import pytest_asyncio
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from deployments.errors import EngineFailed, FirstTokenTimeout, Overloaded
from deployments.gateway.gateway import Gateway
from tests.deployments.gateway.building import engines, gateway, listening, with_pooling
from tests.deployments.scripted import Scripted

TURNS: Any = [{"role": "user", "content": "What is the capital of France?"}]
FAILURES = {
    "dense": [Overloaded("full", retry_after_s=1.0)],
    "moe": [EngineFailed("broken")],
    "distilled": [FirstTokenTimeout("late")],
    "broken": [b"event: message_start\ndata: {}\n\n", EngineFailed("broken in the middle")],
}


class Clients(NamedTuple):
    """Both official clients of one gateway."""

    openai: openai.AsyncOpenAI
    anthropic: anthropic.AsyncAnthropic


@asynccontextmanager
async def clients(served: Gateway) -> AsyncIterator[Clients]:
    """Serve, and call without retries: a failure must be seen."""
    options: Any = {"api_key": "none", "max_retries": 0, "timeout": 30}
    async with (
        listening(served) as calls,
        openai.AsyncOpenAI(base_url=f"{calls.base_url}/v1", **options) as one,
        anthropic.AsyncAnthropic(base_url=str(calls.base_url), **options) as other,
    ):
        yield Clients(one, other)


@pytest_asyncio.fixture
async def served() -> AsyncIterator[Clients]:
    async with engines() as transport, clients(gateway(transport, **with_pooling())) as both:
        yield both


@pytest_asyncio.fixture
async def failing() -> AsyncIterator[Clients]:
    """A gateway whose pools fail, each in its own way."""
    models = {name: {"family": "dense"} for name in FAILURES}
    async with clients(gateway(Scripted(FAILURES), models=models, graph={}, default="dense")) as both:
        yield both


async def test_openai_chats_and_completes(served: Clients) -> None:
    """Streamed text is the whole text, and the usage is told on both ways."""
    api = served.openai
    whole = await api.chat.completions.create(model="dense", messages=TURNS, max_tokens=9)
    stream = await api.chat.completions.create(
        model="dense", messages=TURNS, max_tokens=9, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert (await api.completions.create(model="dense", prompt="Once", max_tokens=3)).choices[0].text


async def test_openai_makes_keeps_and_goes_on_from_responses(served: Clients) -> None:
    """The client's own accumulation of the events ends at the response that can be retrieved."""
    api = served.openai
    async with api.responses.stream(model="dense", input="What is the capital of France?") as stream:
        kinds = [event.type async for event in stream]
        streamed = await stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_text.delta") == 64
    kept = await api.responses.retrieve(streamed.id)
    assert kept.output_text == streamed.output_text != ""
    onward = await api.responses.create(input="And of Italy?", previous_response_id=kept.id)
    assert onward.model == "dense"
    assert onward.previous_response_id == kept.id
    with pytest.raises(openai.BadRequestError, match="cannot be cancelled"):
        await api.responses.cancel(kept.id)


async def test_openai_embeds(served: Clients) -> None:
    """As numbers and as the client prefers them, which is packed."""
    api = served.openai
    packed = await api.embeddings.create(model="embed", input=["a cat", "a dog"])
    plain = await api.embeddings.create(model="embed", input=["a cat", "a dog"], encoding_format="float")
    assert [len(one.embedding) for one in packed.data] == [32, 32]
    assert packed.data[1].embedding == pytest.approx(plain.data[1].embedding, abs=1e-6)
    assert packed.usage == plain.usage


async def test_openai_lists_models(served: Clients) -> None:
    """Nodes and pools alike."""
    assert {"auto", "dense", "embed"} <= {model.id async for model in served.openai.models.list()}


async def test_anthropic_talks_and_counts(served: Clients) -> None:
    """The client's own accumulation of the events is the whole message."""
    api = served.anthropic
    whole = await api.messages.create(model="dense", max_tokens=9, messages=TURNS, system="Be brief.")
    async with api.messages.stream(model="dense", max_tokens=9, messages=TURNS, system="Be brief.") as stream:
        text = "".join([piece async for piece in stream.text_stream])
        streamed = await stream.get_final_message()
    assert text == streamed.content[0].text == whole.content[0].text != ""  # type: ignore[union-attr]
    assert (streamed.stop_reason, streamed.usage.output_tokens) == (whole.stop_reason, 9) == ("max_tokens", 9)
    counted = await api.messages.count_tokens(model="dense", messages=TURNS, system="Be brief.")
    assert counted.input_tokens == whole.usage.input_tokens


async def test_wrong_requests_are_the_clients_own_exceptions(served: Clients) -> None:
    """The status decides the class, on both surfaces."""
    one, other = served
    with pytest.raises(openai.NotFoundError) as unknown:
        await one.responses.create(model="dens", input="hi")
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.NotFoundError, match="no response"):
        await one.responses.retrieve("resp_1")
    with pytest.raises(openai.BadRequestError, match="max_output_tokens"):
        await one.responses.create(model="dense", input="hi", max_output_tokens=0)
    with pytest.raises(openai.BadRequestError, match="use embed"):
        await one.embeddings.create(model="dense", input="hi")
    with pytest.raises(anthropic.NotFoundError, match="did you mean dense"):
        await other.messages.create(model="dens", max_tokens=9, messages=TURNS)
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        await other.messages.create(model="dense", max_tokens=0, messages=TURNS)
    with pytest.raises(anthropic.BadRequestError, match="context of 8192"):
        await other.messages.count_tokens(model="dense", messages=[{"role": "user", "content": "word " * 9000}])
    with pytest.raises(anthropic.RequestTooLargeError):
        await other.messages.create(model="dense", max_tokens=9, messages=[{"role": "user", "content": "x" * 2**24}])


async def test_failures_are_the_clients_own_exceptions(failing: Clients) -> None:
    """Overload is 503 for one and 529 for the other; what broke is a server error for both."""
    one, other = failing
    for model, kind in (("dense", "overloaded_error"), ("moe", "api_error"), ("distilled", "timeout_error")):
        with pytest.raises(openai.InternalServerError):
            await one.responses.create(model=model, input="hi")
        with pytest.raises(anthropic.APIStatusError) as failure:
            await other.messages.create(model=model, max_tokens=9, messages=TURNS)
        assert failure.value.status_code == {"dense": 529, "moe": 500, "distilled": 504}[model]
        body: Any = failure.value.body
        assert (body["type"], body["error"]["type"]) == ("error", kind)
        assert body["request_id"] == failure.value.request_id == failure.value.response.headers["x-request-id"]


async def test_a_stream_that_breaks_raises_in_the_client(failing: Clients) -> None:
    """The error is in the stream, where each client looks for it, and it is told which."""
    stream = await failing.openai.responses.create(model="broken", input="hi", stream=True)
    with pytest.raises(openai.APIError, match="broken in the middle"):
        async for _ in stream:
            pass
    messages = await failing.anthropic.messages.create(model="broken", max_tokens=9, messages=TURNS, stream=True)
    with pytest.raises(anthropic.APIStatusError, match="broken in the middle"):
        async for _ in messages:
            pass


@pytest.mark.parametrize("surface", ["chat", "responses", "messages"])
async def test_a_framework_runs_an_agent_on_every_surface(served: Clients, surface: str) -> None:
    """Whole and streamed, with a history that the second turn sends back."""
    model = framework_model(surface, served)
    agent = Agent(model, system_prompt="Be brief.", model_settings=ModelSettings(max_tokens=20))
    first = await agent.run("What is the capital of France?")
    assert first.output
    assert first.usage.output_tokens == 20
    async with agent.run_stream("And of Italy?", message_history=first.all_messages()) as second:
        assert await second.get_output()
    assert second.usage.input_tokens > first.usage.input_tokens


def framework_model(surface: str, served: Clients) -> Model:
    if surface == "messages":
        return AnthropicModel("dense", provider=AnthropicProvider(anthropic_client=served.anthropic))
    provider = OpenAIProvider(openai_client=served.openai)
    kind = OpenAIChatModel if surface == "chat" else OpenAIResponsesModel
    return kind("dense", provider=provider)
