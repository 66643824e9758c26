"""Ask one model every task, once, and keep how sure it was of each token."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.cascade_tasks import Task
from benchmarks.contenders import tercet
from benchmarks.contenders.places import scratch_directory
from benchmarks.contenders.server import Server, free_port, running
from deployments.engines.checkpoints.store import cache_directory, locate

MAX_TOKENS = 48
ENGINE = {"max_num_seqs": 4, "max_model_len": 1024, "kv_cache_memory_bytes": 268_435_456}
_WITHIN_S = 60.0
_HEADER_BYTES = 8


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One answer at temperature 0; ``logprobs`` and ``margins`` are natural and token by token, times are seconds."""

    task: str
    text: str
    logprobs: tuple[float, ...]
    margins: tuple[float, ...]
    seconds: float
    ttft_s: float

    @property
    def tokens(self) -> int:
        """Return the length of the answer."""
        return len(self.logprobs)


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """All answers of one model, and how many numbers it computes with for each token."""

    source: str
    parameters: int
    records: tuple[Record, ...]


def record(source: str, tasks: Sequence[Task]) -> Recording:
    """Serve *source* with an engine of its own and ask it everything, one question at a time."""
    with scratch_directory() as directory:
        launch = tercet.launch({"source": source, "engine": ENGINE}, free_port(), directory)
        with running(launch, directory) as server:
            records = tuple(_answers(server, tasks))
    return Recording(
        source=source, parameters=parameters(Path(locate(source, cache_directory()).path)), records=records
    )


def parameters(checkpoint: Path) -> int:
    """Count the numbers in a checkpoint's weights; of tied weights there is one copy, which is used for each token."""
    total = 0
    for file in checkpoint.glob("*.safetensors"):
        with file.open("rb") as weights:
            described = json.loads(weights.read(int.from_bytes(weights.read(_HEADER_BYTES), "little")))
        for name, tensor in described.items():
            total += 0 if name == "__metadata__" else _product(tensor["shape"])
    return total


def _product(shape: Sequence[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _answers(server: Server, tasks: Sequence[Task]) -> Iterator[Record]:
    url = f"http://127.0.0.1:{server.launch.port}/v1/chat/completions"
    with httpx.Client(timeout=_WITHIN_S) as client:
        for task in tasks:
            answer = client.post(url, json=_body(server.launch.model, task.prompt))
            answer.raise_for_status()
            yield _read(task.name, answer)


def _body(model: str, prompt: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    sure = {"logprobs": True, "top_logprobs": 2}
    return {"model": model, "messages": messages, "max_tokens": MAX_TOKENS, "temperature": 0, **sure}


def _read(task: str, answer: httpx.Response) -> Record:
    choice = answer.json()["choices"][0]
    tokens = choice["logprobs"]["content"]
    pairs = [sorted((one["logprob"] for one in token["top_logprobs"]), reverse=True)[:2] for token in tokens]
    return Record(
        task=task,
        text=choice["message"]["content"] or "",
        logprobs=tuple(round(token["logprob"], 5) for token in tokens),
        margins=tuple(round(first - second, 5) for first, second in pairs),
        seconds=round(answer.elapsed.total_seconds(), 4),
        ttft_s=round(float(answer.headers["x-tercet-engine-ttft-ms"]) / 1000, 4),
    )
