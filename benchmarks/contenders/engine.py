"""The one real engine that every contender runs: checkpoint, arguments and environment, as Tercet resolves them.

Nothing is tuned here for anybody: the pool below goes through the product's own resolution, and what comes out is
handed to the peers as command-line flags, engine arguments and environment variables.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contenders.places import product_prefix
from benchmarks.contenders.tercet import document
from cluster.machine import this_machine
from cluster.plan import Plan
from cluster.resolve import resolve
from deployments.engines.checkpoints.store import cache_directory, ensure
from deployments.engines.cpu_libraries import preloads
from deployments.engines.cpu_settings import defaults, environment

# 32 streams run at once in every contender; a GiB of KV cache holds them ten times over.
POOL: Mapping[str, Any] = {"source": "demo/dense", "engine": {"max_num_seqs": 32, "max_model_len": 2048}}

# The worker inside Tercet's engine core is bound by these; a worker process of vLLM's sets them itself from its cores.
_SET_BY_VLLM = ("KMP_AFFINITY", "KMP_BLOCKTIME", "KMP_TPAUSE")


@dataclass(frozen=True, slots=True, kw_only=True)
class RealEngine:
    """What a peer must be given to run the engine that Tercet runs."""

    checkpoint: str
    arguments: Mapping[str, Any]
    environment: Mapping[str, str]


def real_engine() -> RealEngine:
    """Resolve the pool as ``tercet check`` does; builds the checkpoint where it is missing. Raises ValueError."""
    plan = resolve(document(POOL), [this_machine()])
    if not isinstance(plan, Plan):
        raise ValueError("; ".join(map(str, plan)))  # noqa: TRY004 - a list of problems, not a wrong type
    pool = plan.pools[0]
    cores = None if pool.pinned_cores is None else sorted(os.sched_getaffinity(0))[: pool.pinned_cores]
    settings = environment(cores=cores, preload=preloads(product_prefix()), local=True)
    return RealEngine(
        checkpoint=ensure("demo/dense", Path(cache_directory()), lambda _: None),
        arguments={**defaults(pool.family, "cpu"), **pool.engine},
        environment={name: value for name, value in settings.items() if name not in _SET_BY_VLLM},
    )
