"""Three real vLLM engines behind one endpoint, driven by the official client."""

from __future__ import annotations

import concurrent.futures
import json

import openai
import psutil
import pytest

from tests.e2e.reference import assert_bfloat16_close
from tests.e2e.trio import POOLS, PROMPTS, client, greedy_tokens
from tests.serving import Serving, chat, stream, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

TRIO_RESIDENT_LIMIT = 16 * 2**30
CODE = "Write a Python function that merges two sorted lists."
GREETING = "hi there"


def test_every_node_is_a_model(trio: Serving) -> None:
    """Clients find pools and graph nodes by name."""
    names = {model.id for model in client(trio.url).models.list()}
    assert {*POOLS, "auto"} <= names


@pytest.mark.parametrize("model", [*POOLS, "auto"])
def test_every_name_answers(trio: Serving, model: str) -> None:
    """Each pool and the default entry answer a chat."""
    answer = client(trio.url).chat.completions.create(
        model=model, messages=[{"role": "user", "content": PROMPTS[0]}], max_tokens=24, temperature=0
    )
    text = answer.choices[0].message.content
    assert text
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    if model in {"dense", "moe"}:
        assert "Paris" in text


def test_auto_chooses_by_the_prompt(trio: Serving) -> None:
    """Code and a greeting take different pools."""
    paths = [chat(trio.url, "auto", prompt, max_tokens=4).headers["x-tercet-path"] for prompt in (CODE, GREETING)]
    assert paths[0].split(">")[-1] != paths[1].split(">")[-1]
    assert all(path.startswith("auto>") for path in paths)


def test_headers_divide_the_time_to_first_token(trio: Serving) -> None:
    """The engine's and the framework's share are both told and add up to something positive."""
    headers = chat(trio.url, "dense", "hi", max_tokens=2).headers
    assert float(headers["x-tercet-engine-ttft-ms"]) > 0
    assert float(headers["x-tercet-framework-ttft-ms"]) >= 0
    assert headers["x-request-id"]


def test_streams_the_same_text_as_it_returns_whole(trio: Serving) -> None:
    """Greedy streaming and non-streaming agree."""
    messages = [{"role": "user", "content": PROMPTS[3]}]
    api = client(trio.url)
    whole = api.chat.completions.create(model="dense", messages=messages, max_tokens=40, temperature=0)
    stream = api.chat.completions.create(
        model="dense",
        messages=messages,
        max_tokens=40,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_completes_a_bare_prompt(trio: Serving) -> None:
    """The older endpoint works for each pool."""
    for pool in POOLS:
        answer = client(trio.url).completions.create(
            model=pool, prompt="The capital of France is", max_tokens=6, temperature=0
        )
        assert answer.choices[0].text


def test_many_at_once_all_answer(trio: Serving) -> None:
    """Continuous batching: concurrent requests over the pools all come back."""
    with concurrent.futures.ThreadPoolExecutor(24) as workers:
        answers = list(
            workers.map(
                lambda i: chat(trio.url, POOLS[i % 3], f"Say the number {i}.", max_tokens=12, temperature=0), range(24)
            )
        )
    assert [a.status_code for a in answers] == [200] * 24


def test_a_client_that_leaves_frees_the_engine(trio: Serving) -> None:
    """Closing the connection aborts the sequence in vLLM."""
    stream = client(trio.url).chat.completions.create(
        model="dense",
        messages=[{"role": "user", "content": "Count upwards from one, one number a line."}],
        max_tokens=1500,
        stream=True,
        extra_body={"ignore_eos": True},
    )
    next(iter(stream))
    stream.close()
    until(lambda: trio.status()["pools"]["dense"]["running"] == 0, within_s=30, what="nothing running in dense")


def test_wrong_requests_are_refused_by_name(trio: Serving) -> None:
    """Bad input is a clear 4xx from the gateway or the engine, never a 500."""
    api = client(trio.url)
    with pytest.raises(openai.NotFoundError, match="dens"):
        api.chat.completions.create(model="dens", messages=[{"role": "user", "content": "hi"}])
    with pytest.raises(openai.BadRequestError) as long:
        api.chat.completions.create(model="dense", messages=[{"role": "user", "content": "word " * 9000}])
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError, match="max_tokens"):
        api.chat.completions.create(model="dense", messages=[{"role": "user", "content": "hi"}], max_tokens=-1)
    with pytest.raises(openai.BadRequestError, match="temperature"):
        api.chat.completions.create(model="dense", messages=[{"role": "user", "content": "hi"}], temperature=-3)


@pytest.mark.parametrize("pool", POOLS)
def test_every_token_is_the_reference_models_choice(trio: Serving, pool: str) -> None:
    """In bfloat16, teacher-forced, each greedy token is transformers' first choice or within half a logit of it."""
    assert_bfloat16_close(f"demo/{pool}", PROMPTS, greedy_tokens(trio.url, pool))


def test_the_trio_fits_its_memory(trio: Serving) -> None:
    """Unshared plus proportionally shared memory of all processes stays within 16 GB, an idle gateway within 300 MB."""
    total = sum(_pss(process) for process in [psutil.Process(trio.process.pid), *trio.processes()])
    assert total <= TRIO_RESIDENT_LIMIT
    (gateway,) = trio.gateways()
    assert gateway.memory_info().rss <= 300 * 2**20


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def test_a_killed_pool_is_answered_by_its_fallback(trio: Serving) -> None:
    """With the code path's first pool gone another answers."""
    first = chat(trio.url, "auto", CODE, max_tokens=4).headers["x-tercet-model"]
    for process in trio.replicas(first):
        process.kill()
    fallen = chat(trio.url, "auto", CODE, max_tokens=4)
    assert fallen.status_code == 200, fallen.text
    assert fallen.headers["x-tercet-model"] != first
    assert f"{first}!" in fallen.headers["x-tercet-path"]


def test_a_killed_engine_core_is_noticed_and_its_replica_replaced(trio: Serving) -> None:
    """With only vLLM's inner process gone, a stream ends with an honest error and another replica comes."""
    replica = trio.replicas("distilled")[0]
    (core,) = [p for p in trio.engine_cores() if replica.pid in {parent.pid for parent in p.parents()}]

    def kill_at_the_fifth(event: int) -> None:
        if event == 5:
            core.kill()

    events = stream(
        trio.url,
        "distilled",
        "Count upwards from one.",
        after=kill_at_the_fifth,
        max_tokens=2000,
        ignore_eos=True,
    )
    assert json.loads(events[-1])["error"]["code"] == "engine_failed"
    assert "[DONE]" not in events
    _healed(trio, "distilled")
    assert trio.replicas("distilled")[0].pid != replica.pid


def test_what_was_killed_heals_and_no_engine_outlives_its_replica(trio: Serving) -> None:
    """After the kills above every pool comes back by itself, and there are as many engine processes as replicas."""
    for pool in POOLS:
        _healed(trio, pool)
    until(lambda: len(trio.engine_cores()) == len(POOLS), within_s=30, what="one engine core a pool")


def _healed(trio: Serving, pool: str) -> None:
    until(lambda: chat(trio.url, pool, "hi", max_tokens=2).status_code == 200, within_s=300, what=f"{pool} healed")
