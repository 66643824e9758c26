"""The same question to a tool that others wrote: vLLM's own ``bench serve``, offline, with random prompts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.contenders.places import product_python
from benchmarks.contenders.server import Server

TOOL = "vllm bench serve"
TOOL_S = 240.0
PROMPT_TOKENS = 48
ANSWER_TOKENS = 64
# The console script asks for the metadata of a package that the CPU build does not have; this is what it would run.
_RUN = (
    "import argparse; from vllm.benchmarks.serve import add_cli_args, main; "
    "parser = argparse.ArgumentParser(); add_cli_args(parser); main(parser.parse_args())"
)


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What the tool says of one contender at one point; times in milliseconds."""

    contender: str
    streams: int
    round: int
    tok_s: float
    ttft_p50_ms: float
    itl_p50_ms: float
    itl_p99_ms: float
    completed: int
    failed: int


class ToolFailedError(Exception):
    """The tool did not end well; the message is the end of what it said."""


def ask(server: Server, checkpoint: str, *, streams: int, answers: int, turn: int, directory: Path) -> Opinion:
    """Run the tool once against *server*; raises ToolFailedError."""
    result = directory / f"opinion-{server.launch.port}-{streams}-{turn}.json"
    command = [product_python(), "-c", _RUN, *_flags(server, checkpoint, streams, streams * answers, turn, result)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ToolFailedError(f"{TOOL} took more than {TOOL_S:g} s against {server.launch.name}") from error
    if done.returncode or not result.exists():
        raise ToolFailedError(f"{TOOL} failed against {server.launch.name}: {(done.stderr or done.stdout)[-600:]}")
    return read(json.loads(result.read_text()), contender=server.launch.name, streams=streams, turn=turn)


def read(said: dict[str, Any], *, contender: str, streams: int, turn: int) -> Opinion:
    """Take from the tool's result file what is compared."""
    return Opinion(
        contender=contender,
        streams=streams,
        round=turn,
        tok_s=said["output_throughput"],
        ttft_p50_ms=said["median_ttft_ms"],
        itl_p50_ms=said["median_itl_ms"],
        itl_p99_ms=said["p99_itl_ms"],
        completed=said["completed"],
        failed=said.get("failed", 0),
    )


def _flags(server: Server, checkpoint: str, streams: int, prompts: int, turn: int, result: Path) -> list[str]:
    return [
        "--backend=openai-chat",
        "--endpoint=/v1/chat/completions",
        f"--base-url=http://127.0.0.1:{server.launch.port}",
        f"--model={checkpoint}",
        f"--tokenizer={checkpoint}",
        f"--served-model-name={server.launch.model}",
        "--dataset-name=random",
        f"--random-input-len={PROMPT_TOKENS}",
        f"--random-output-len={ANSWER_TOKENS}",
        "--ignore-eos",
        "--temperature=0",
        f"--num-prompts={prompts}",
        f"--max-concurrency={streams}",
        f"--seed={100 * turn + streams}",
        "--percentile-metrics=ttft,itl",
        "--disable-tqdm",
        "--save-result",
        f"--result-dir={result.parent}",
        f"--result-filename={result.name}",
    ]
