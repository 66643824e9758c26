"""Whether this machine has the memory that a plan's engines take."""

from __future__ import annotations

from cluster.plan import Plan

# Measured for one vLLM engine on a CPU with a 135M-parameter model: its processes without the KV cache.
ENGINE_BYTES = int(2.6 * 2**30)
SYNTHETIC_BYTES = 200 * 2**20
DEFAULT_KV_BYTES = 2**30


def wanted_bytes(plan: Plan) -> int:
    """Estimate the memory of the replicas that start with the cluster, in bytes; of engines on GPUs the host's part."""
    return sum(pool.initial_replicas * _replica_bytes(pool.runtime, pool.engine) for pool in plan.pools)


def shortage(plan: Plan, available_bytes: int) -> str | None:
    """Say what is missing and the way out, or None when it fits."""
    wanted = wanted_bytes(plan)
    if wanted <= available_bytes:
        return None
    return (
        f"the engines need about {wanted / 2**30:.1f} GiB of memory and {available_bytes / 2**30:.1f} GiB are free: "
        "remove a model, lower replicas.min, or free memory."
    )


def _replica_bytes(runtime: str, engine: object) -> int:
    if runtime != "vllm":
        return SYNTHETIC_BYTES
    kv = engine.get("kv_cache_memory_bytes") if isinstance(engine, dict) else None
    return ENGINE_BYTES + (int(kv) if isinstance(kv, int) else DEFAULT_KV_BYTES)
