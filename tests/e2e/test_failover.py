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
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    tiny = {
        "family": "dense",
        "source": tiny_llama(tmp_path_factory.mktemp("tiny")),
        "engine": ENGINE,
        "replicas": {"min": 2, "max": 2},
        "resources": {"cpus": 1},
    }
    with serving({"models": {"tiny": tiny}}, tmp_path_factory.mktemp("pair"), ready_within_s=300) as one:
        until(lambda: len(one.engine_cores()) == 2 and _ready(one) == 2, within_s=120, what="two engines")
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


def _worker(one: Serving) -> psutil.Process:
    """Return the engine process that works; a replica's model runs in its engine core on CPU."""
    cores = one.engine_cores()
    before = [_cpu_s(core) for core in cores]
    time.sleep(0.1)
    spent = [_cpu_s(core) - was for core, was in zip(cores, before, strict=True)]
    return cores[spent.index(max(spent))]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@pytest.mark.parametrize("victim", ["worker", "replica"])
def test_the_answer_is_the_undisturbed_one(pair: Serving, victim: str) -> None:
    """Killed mid-stream, whether the engine's own process or the replica: same text, one usage, told in a comment."""
    until(lambda: _ready(pair) == 2, within_s=240, what="two replicas")
    prompt = f"Tell the story of the {victim}."
    calm, _ = _asked(pair, prompt)

    def kill_at_the_fortieth(line: int) -> None:
        if line == 40:
            worker = _worker(pair)
            (worker if victim == "worker" else worker.parent() or worker).kill()

    resumed = counted(pair, "tercet_failovers_total", pool="tiny", outcome="resumed")
    chunks, comments = _asked(pair, prompt, kill_at_the_fortieth)
    assert _text(chunks) == _text(calm) != ""
    assert chunks[-1]["usage"]["prompt_tokens"] == calm[-1]["usage"]["prompt_tokens"]
    assert chunks[-1]["usage"]["completion_tokens"] == TOKENS
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert [told["resumed"]["because"] for told in comments] == ["engine_failed"]
    assert 0 < comments[0]["resumed"]["after_tokens"] < TOKENS
    assert counted(pair, "tercet_failovers_total", pool="tiny", outcome="resumed") == resumed + 1
