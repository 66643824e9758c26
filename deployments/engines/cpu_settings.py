"""How an engine is set up on a machine with no GPU: pure planning, no vllm.

Measured on two cores with a 135M model, see the functions: one worker thread an engine is the fastest as soon as a few
streams run, and an engine core that holds its worker itself saves a process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from deployments.engines.engine_arguments import RESERVED

Family = Literal["dense", "moe", "distilled", "pooling"]
Device = Literal["cpu", "gpu"]

_GIB = 2**30
_MODE_OFF = {"0", "none", "compilationmode.none"}

EAGER = (
    "gives wrong text on CPU: eager mode turns vLLM's CPU custom ops on; leave it out "
    '(compilation is off with those ops off by default: compilation_config: {mode: 0, custom_ops: ["none"]})'
)
CUSTOM_OPS = 'with mode 0 gives wrong text on CPU unless it also says custom_ops: ["none"]'

_PRIVACY = {"VLLM_NO_USAGE_STATS": "1", "VLLM_DO_NOT_TRACK": "1", "DO_NOT_TRACK": "1"}


def defaults(family: Family, device: Device) -> dict[str, Any]:
    """Return the engine arguments of a pool that says nothing; what the pool says comes over them."""
    common: dict[str, Any] = {
        "enable_prefix_caching": True,
        "enable_chunked_prefill": True,
        # By itself vLLM chooses for each request, and an engine keeps the first: later ones fail inside it.
        "structured_outputs_config": {"backend": "xgrammar"},
    }
    if family == "pooling":
        # Encoders read a text whole: what chunks and caches prefixes depends on the model, and vLLM knows it.
        common = {"runner": "pooling"}
    if device == "gpu":
        return common
    cpu = common | {
        "dtype": "bfloat16",
        "compilation_config": {"mode": 0, "custom_ops": ["none"]},
        "kv_cache_memory_bytes": _GIB,
        "max_num_seqs": 16,
    }
    if family == "pooling":
        return cpu
    # A CPU prefills a few hundred tokens in the time of ten decode steps: larger chunks stall every other stream.
    return cpu | {"max_num_batched_tokens": 512 if family != "moe" else 256}


def objections(arguments: Mapping[str, Any], device: Device = "cpu") -> list[tuple[str, str]]:
    """Return (name, why) for every engine argument that may not be set, or not to this value."""
    return [*_reserved(arguments), *(_wrong_text(arguments) if device == "cpu" else ())]


def _reserved(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, why in RESERVED.items():
        if name in arguments:
            yield name, why


def _wrong_text(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if arguments.get("enforce_eager"):
        yield "enforce_eager", EAGER
    compilation = arguments.get("compilation_config")
    if isinstance(compilation, Mapping):
        off = str(compilation.get("mode")).lower() in _MODE_OFF and compilation.get("mode") is not None
        if off and "none" not in (compilation.get("custom_ops") or ()):
            yield "compilation_config", CUSTOM_OPS


def environment(
    *, cores: Sequence[int] | None, ranks: int = 1, preload: Sequence[str] = (), local: bool = False
) -> dict[str, str]:
    """Return the environment of an engine's own processes.

    ``cores`` belong to this engine alone and are split over its ``ranks``; None means that it shares the machine, where
    its threads must be few and free to move. ``preload`` are shared libraries; ``local`` says that the checkpoint is on
    this machine and no hub need be asked.
    """
    settings = {**_PRIVACY, **_threads(cores, ranks)}
    if preload:
        settings["LD_PRELOAD"] = ":".join(preload)
    if local:
        settings["HF_HUB_OFFLINE"] = "1"
    return settings


def _threads(cores: Sequence[int] | None, ranks: int) -> dict[str, str]:
    if cores is None or len(cores) < ranks:
        # Two threads an engine were a third faster for one stream and a fifth slower from eight on; with several
        # engines on the cores they only wait for each other.
        return {"OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    lists = _split(cores, ranks)
    settings = {
        "OMP_NUM_THREADS": str(len(lists[0])),
        "VLLM_CPU_OMP_THREADS_BIND": "|".join(",".join(map(str, part)) for part in lists),
    }
    if ranks == 1:
        # vLLM binds the threads of worker processes; a worker inside the engine core must be bound by these.
        settings |= {
            "KMP_AFFINITY": f"granularity=fine,explicit,proclist=[{','.join(map(str, lists[0]))}]",
            "KMP_BLOCKTIME": "5",
            "KMP_TPAUSE": "0",
        }
    return settings


def _split(cores: Sequence[int], ranks: int) -> list[list[int]]:
    """Share the cores out, keeping one a rank for the front end and the scheduler where a rank has several."""
    each = len(cores) // ranks
    worked = max(1, each - 1)
    return [list(cores[rank * each : rank * each + worked]) for rank in range(ranks)]


def replica_environment(runtime: str, *, pinned: bool) -> dict[str, str]:  # noqa: ARG001 - see below
    """Return what the process around an engine needs at its start, before anything is imported.

    Pinned or not makes no difference there: only the engine's own processes compute, and they get their threads later.
    """
    if runtime != "vllm":
        return {}
    return {**_PRIVACY, "VLLM_LOGGING_LEVEL": "WARNING", "TOKENIZERS_PARALLELISM": "false"}
