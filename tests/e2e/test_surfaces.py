"""Every endpoint on real engines, through the official clients: what only vLLM and a whole cluster can show."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import numpy as np
import openai
import pytest

from tests.e2e.trio import client
from tests.serving import Serving, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

FRANCE = "What is the capital of France?"
TURNS: Any = [{"role": "user", "content": FRANCE}]
LONG: dict[str, Any] = {
    "input": "Count upwards from one.",
    "max_output_tokens": 1500,
    "extra_body": {"ignore_eos": True},
}
GREEDY = {"temperature": 0}  # which Anthropic's client has no argument for
UNCOMMON = ["", " ", "\x00", "\ud7ff\U0001f600", "word " * 30_000, "<|im_start|>system\n"]


@pytest.fixture
def claude(surface: Serving) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=surface.url, api_key="none", max_retries=0, timeout=180) as one:
        yield one


def running(surface: Serving) -> int:
    return int(surface.status()["pools"]["dense"]["running"])


def test_a_response_is_made_streamed_kept_and_gone_on_from(surface: Serving) -> None:
    """The second turn knows the first, at the replica that keeps it, with no model named."""
    api = client(surface.url)
    whole = api.responses.create(model="dense", input=FRANCE, max_output_tokens=24, temperature=0)
    assert "Paris" in whole.output_text
    with api.responses.stream(model="dense", input=FRANCE, max_output_tokens=24, temperature=0) as stream:
        kinds = [event.type for event in stream]
        streamed = stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert streamed.output_text == whole.output_text
    assert streamed.usage is not None
    assert whole.usage is not None
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert api.responses.retrieve(streamed.id).output_text == whole.output_text
    onward = api.responses.create(
        input="And of Italy?", previous_response_id=whole.id, max_output_tokens=24, temperature=0
    )
    assert "Rome" in onward.output_text


def test_a_response_runs_in_the_background_until_it_is_cancelled(surface: Serving) -> None:
    """It is answered at once, works on without a client, and cancelling it frees the engine."""
    api = client(surface.url)
    begun = api.responses.create(model="dense", background=True, **LONG)
    assert begun.status == "queued"
    until(lambda: running(surface) == 1, within_s=30, what="the response runs")
    assert api.responses.cancel(begun.id).status == "cancelled"
    until(lambda: running(surface) == 0, within_s=30, what="the engine is free")
    assert api.responses.retrieve(begun.id).status == "cancelled"
    short = api.responses.create(model="dense", background=True, input=FRANCE, max_output_tokens=24, temperature=0)
    until(lambda: api.responses.retrieve(short.id).status == "completed", within_s=60, what="the response is complete")
    assert "Paris" in api.responses.retrieve(short.id).output_text


def test_the_events_of_a_background_response_can_be_read_again(surface: Serving) -> None:
    """From any of them on, and their stream ends when the response is cancelled."""
    api = client(surface.url)
    stream = api.responses.create(model="dense", background=True, stream=True, input=FRANCE, max_output_tokens=8)
    events = list(stream)
    response_id = events[0].response.id  # type: ignore[union-attr]
    again = list(api.responses.retrieve(response_id, stream=True, starting_after=3))
    assert [event.model_dump() for event in again] == [event.model_dump() for event in events[4:]]
    endless = api.responses.create(model="dense", background=True, stream=True, **LONG)
    first = next(iter(endless))
    api.responses.cancel(first.response.id)  # type: ignore[union-attr]
    began_s = time.monotonic()
    with pytest.raises(openai.APIError, match="cancelled"):
        list(endless)
    assert time.monotonic() - began_s < 60
    until(lambda: running(surface) == 0, within_s=30, what="the engine is free")


def test_a_client_that_leaves_a_response_frees_the_engine(surface: Serving) -> None:
    """In the foreground nobody else waits for it."""
    stream = client(surface.url).responses.create(model="dense", stream=True, **LONG)
    next(iter(stream))
    stream.close()
    until(lambda: running(surface) == 0, within_s=30, what="the engine is free")


def test_a_message_is_the_same_answer_in_anthropics_form(surface: Serving, claude: anthropic.Anthropic) -> None:
    """Streamed and whole, with the tokens that the count foretold."""
    whole = claude.messages.create(model="dense", max_tokens=24, messages=TURNS, extra_body=GREEDY)
    with claude.messages.stream(model="dense", max_tokens=24, messages=TURNS, extra_body=GREEDY) as stream:
        text = "".join(stream.text_stream)
        streamed = stream.get_final_message()
    assert "Paris" in text
    assert text == whole.content[0].text  # type: ignore[union-attr]
    assert (streamed.stop_reason, streamed.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)
    assert whole.stop_reason == "end_turn"
    assert claude.messages.count_tokens(model="dense", messages=TURNS).input_tokens == whole.usage.input_tokens
    stopped = claude.messages.create(
        model="dense", max_tokens=24, messages=TURNS, extra_body=GREEDY, stop_sequences=["Paris"]
    )
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "Paris")


def test_a_message_can_use_a_tool(claude: anthropic.Anthropic) -> None:
    """A forced, strict tool comes as a block with its arguments, whole and in pieces."""
    tool: Any = {
        "name": "get_weather",
        "description": "Look up the weather of a city",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    }
    asked: Any = {
        "model": "dense", "max_tokens": 60, "messages": TURNS, "extra_body": GREEDY, "tools": [tool],
        "tool_choice": {"type": "tool", "name": "get_weather"},
    }  # fmt: skip
    [block] = claude.messages.create(**asked).content
    assert block.type == "tool_use"
    assert set(block.input) == {"city"}
    with claude.messages.stream(**asked) as stream:
        [streamed] = stream.get_final_message().content
    assert streamed.type == "tool_use"
    assert streamed.input == block.input


def test_embeddings_are_the_models(surface: Serving) -> None:
    """Of length one, alike where meanings are, the same packed and alone, and token ids are text too."""
    api = client(surface.url)
    texts = ["A cat sits on the mat.", "A kitten rests on a rug.", "Stock prices fell sharply today."]
    packed = api.embeddings.create(model="embed", input=texts)
    plain = api.embeddings.create(input=texts[0], model="embed", encoding_format="float")
    cat, kitten, stocks = (np.array(one.embedding) for one in packed.data)
    assert len(cat) == 384
    assert np.linalg.norm(cat) == pytest.approx(1, abs=1e-3)
    assert cat @ kitten > 0.5
    assert cat @ stocks < 0.2
    assert cat @ np.array(plain.data[0].embedding) == pytest.approx(1, abs=1e-2)
    assert plain.usage.prompt_tokens == 9
    ids = httpx.post(f"{surface.url}/tokenize", json={"model": "embed", "prompt": texts[0]}).json()["tokens"]
    by_ids = api.embeddings.create(input=ids, model="embed", encoding_format="float")
    assert cat @ np.array(by_ids.data[0].embedding) == pytest.approx(1, abs=1e-2)


def test_scores_and_rankings_follow_the_embeddings(surface: Serving) -> None:
    """Without naming a model: only one can."""
    documents = ["Stock prices fell.", "A kitten rests.", "A dog barks."]
    scored = httpx.post(f"{surface.url}/v1/score", json={"queries": "a cat", "documents": documents})
    ranked = httpx.post(f"{surface.url}/v2/rerank", json={"query": "a cat", "documents": documents, "top_n": 2})
    scores = [one["score"] for one in scored.json()["data"]]
    assert scores.index(max(scores)) == 1
    assert [one["index"] for one in ranked.json()["results"]] == sorted(range(3), key=lambda at: -scores[at])[:2]
    assert ranked.headers["x-tercet-model"] == "embed"


def test_tokens_there_and_back(surface: Serving) -> None:
    """Of a prompt and of a chat, and a number that is no token is the client's mistake."""
    told = httpx.post(f"{surface.url}/tokenize", json={"prompt": "Hello world, 你好", "return_token_strs": True}).json()
    assert told["count"] == len(told["tokens"]) == len(told["token_strs"])
    back = httpx.post(f"{surface.url}/detokenize", json={"tokens": told["tokens"]}).json()
    assert back["prompt"] == "Hello world, 你好"
    chat = httpx.post(f"{surface.url}/tokenize", json={"messages": TURNS}).json()
    answer = client(surface.url).chat.completions.create(model="dense", messages=TURNS, max_tokens=1)
    assert answer.usage is not None
    assert chat["count"] == answer.usage.prompt_tokens
    assert httpx.post(f"{surface.url}/detokenize", json={"tokens": [-1]}).status_code == 400


def test_a_model_of_the_wrong_kind_is_refused(surface: Serving, claude: anthropic.Anthropic) -> None:
    """And the refusal names one of the right kind."""
    api = client(surface.url)
    with pytest.raises(openai.BadRequestError, match="use embed"):
        api.embeddings.create(model="dense", input="x")
    with pytest.raises(openai.BadRequestError, match="dense"):
        api.chat.completions.create(model="embed", messages=TURNS)
    with pytest.raises(anthropic.BadRequestError, match="dense"):
        claude.messages.create(model="embed", max_tokens=9, messages=TURNS)


@pytest.mark.parametrize("text", UNCOMMON, ids=range(len(UNCOMMON)))
def test_no_text_makes_a_server_error(surface: Serving, text: str) -> None:
    """Empty, odd, forged or far too long: answered, or refused as the client's mistake, everywhere."""
    turns = [{"role": "user", "content": text}]
    bodies: dict[str, dict[str, Any]] = {
        "/v1/responses": {"input": text, "max_output_tokens": 2},
        "/v1/messages": {"messages": turns, "max_tokens": 2},
        "/v1/messages/count_tokens": {"messages": turns},
        "/v1/embeddings": {"input": text},
        "/v1/score": {"queries": text, "documents": text},
        "/v1/rerank": {"query": text, "documents": [text, "x"]},
        "/tokenize": {"prompt": text},
    }
    with httpx.Client(base_url=surface.url, timeout=120) as calls:
        statuses = {path: calls.post(path, json=body).status_code for path, body in bodies.items()}
    assert all(status in (200, 400) for status in statuses.values()), statuses
