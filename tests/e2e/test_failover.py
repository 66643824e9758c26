"""A worker killed in the middle of a stream: another replica of vLLM goes on, and the text is the undisturbed one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.e2e.tiny_llama import tiny_llama
from tests.serving import Serving, counted, serving, stream, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

TOKENS = 800
ENGINE = {"dtype": "float32", "max_model_len": 1024, "kv_cache_memory_bytes": 2**27}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    tiny = {
        "family": "dense",
        "source": tiny_llama(tmp_path_factory.mktemp("tiny")),
        "engine": ENGINE,
        "replicas": {"min": 3, "max": 3},
        "resources": {"cpus": 1},
    }
    with serving({"models": {"tiny": tiny}}, tmp_path_factory.mktemp("three"), ready_within_s=300) as one:
        until(lambda: len(one.engine_cores()) == _ready(one) == 3, within_s=120, what="three engines")
        yield one


def _ready(one: Serving) -> int:
    ready: int = one.status()["pools"]["tiny"]["stages"].get("ready", 0)
    return ready


def _asked(one: Serving, prompt: str, after: Any = lambda _: None) -> tuple[list[Any], list[Any]]:
    """Return a greedy answer's chunks, and what was told beside them."""
    told = stream(
        one.url, "tiny", prompt, after=after,
        max_tokens=TOKENS, ignore_eos=True, temperature=0, stream_options={"include_usage": True},
    )  # fmt: skip
    assert told[-1] == "[DONE]"
    comments = [json.loads(line.removeprefix(": tercet ")) for line in told if line.startswith(":")]
    return [json.loads(line) for line in told[:-1] if not line.startswith(":")], comments


def _text(chunks: list[Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def _worker(cores: list[psutil.Process]) -> psutil.Process:
    """Return the engine process that works; a replica's model runs in its engine core on CPU."""
    living = [core for core in cores if core.is_running() and core.status() != psutil.STATUS_ZOMBIE]
    before = [_cpu_s(core) for core in living]
    time.sleep(0.1)
    spent = [_cpu_s(core) - was for core, was in zip(living, before, strict=True)]
    return living[spent.index(max(spent))]


def _cpu_s(process: psutil.Process) -> float:
    """Return the processor time it has used; one that was killed may be gone at any moment, and works no more."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def test_the_answer_is_the_undisturbed_one(three: Serving) -> None:
    """First the engine's own process is killed, then the replica that went on: same text, one usage, two comments."""
    prompt = "Tell the story of the worker."
    cores = three.engine_cores()  # another one is starting when the second is chosen
    calm, _ = _asked(three, prompt)

    def kill_twice(line: int) -> None:
        if line == 40:
            _worker(cores).kill()
        elif line == 120:
            replica = _worker(cores).parent()
            assert replica is not None
            replica.kill()

    resumed = counted(three, "tercet_failovers_total", pool="tiny", outcome="resumed")
    chunks, comments = _asked(three, prompt, kill_twice)
    assert _text(chunks) == _text(calm) != ""
    assert chunks[-1]["usage"]["prompt_tokens"] == calm[-1]["usage"]["prompt_tokens"]
    assert chunks[-1]["usage"]["completion_tokens"] == TOKENS
    assert len({chunk["id"] for chunk in chunks}) == 1
    told = [comment["resumed"] for comment in comments]
    assert [one["because"] for one in told] == ["engine_failed"] * 2
    assert told[0]["by"] == told[1]["from"]
    assert 0 < told[0]["after_tokens"] < told[1]["after_tokens"] < TOKENS
    assert counted(three, "tercet_failovers_total", pool="tiny", outcome="resumed") == resumed + 2
