"""How each pool's engines are set up, and why: arguments, environment, and what is left to vLLM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from textwrap import wrap
from typing import Any

from cluster.outline import flow
from cluster.plan import PoolPlan
from deployments.engines import reasons
from deployments.engines.checkpoints.store import DEMO
from deployments.engines.cpu_settings import defaults, environment, replica_environment
from deployments.engines.lora_settings import lora_defaults

WIDTH = 116
_CORES = {"VLLM_CPU_OMP_THREADS_BIND", "KMP_AFFINITY"}  # name cores, which a replica gets when it starts
_HERE = (DEMO, "/", "~")
BOUND = "its own cores"
_NAME = 27


def arguments(pool: PoolPlan) -> Iterator[str]:
    """Write out a pool's engine arguments, its own before the defaults."""
    if pool.runtime == "synthetic":
        yield from _hung(f"{pool.name}: synthetic, ", pool.synthetic, "")
        return
    ours = _defaults(pool)
    given = {key: value for key, value in pool.engine.items() if ours.get(key) != value}
    yield from _hung(f"{pool.name}: ", given, "none of its own")
    yield from _hung("  by default ", {key: ours[key] for key in ours if key not in given}, "nothing")


def explained(pools: Sequence[PoolPlan]) -> Iterator[str]:
    """Say why each default that is in force somewhere is what it is, and what vLLM decides."""
    engines = [pool for pool in pools if pool.runtime == "vllm"]
    inforce = {key for pool in engines for key, value in _defaults(pool).items() if pool.engine.get(key) == value}
    yield from (_line(name, reasons.ARGUMENTS[name]) for name in sorted(inforce))
    for gpu in sorted({bool(pool.gpus) for pool in engines}):
        scheduling = "asynchronous scheduling among them" if gpu else "which have no asynchronous scheduling on CPU"
        yield _line("everything else", f"vLLM's own defaults, {scheduling}")


def processes(pools: Sequence[PoolPlan], preload: Sequence[str]) -> Iterator[str]:
    """Write out the environment that engines' processes get; *preload* are the libraries found on this machine."""
    seen: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for pool in pools:
        if pool.runtime == "vllm":
            seen.setdefault(tuple(_environment(pool, preload).items()), []).append(pool.name)
    for settings, names in seen.items():
        yield f"{', '.join(names)}:"
        why = {**reasons.ENVIRONMENT, **({} if _bound(settings) else reasons.SHARED)}
        for name, value in settings:
            yield from wrap(
                f"{name}={value}: {why[name]}",
                WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False,
            )  # fmt: skip
        if "LD_PRELOAD" not in dict(settings) and any(not pool.gpus for pool in pools if pool.name in names):
            yield "  LD_PRELOAD: not set, neither Intel's OpenMP nor tcmalloc is on this machine"


def _bound(settings: tuple[tuple[str, str], ...]) -> bool:
    return dict(settings)["VLLM_CPU_OMP_THREADS_BIND"] == BOUND


def _environment(pool: PoolPlan, preload: Sequence[str]) -> dict[str, str]:
    pinned = None if pool.pinned_cores is None else tuple(range(pool.pinned_cores))
    ranks = int(pool.engine.get("tensor_parallel_size") or 1) * int(pool.engine.get("pipeline_parallel_size") or 1)
    libraries = () if pool.gpus else tuple(PurePath(library).name for library in preload)
    settings = environment(cores=pinned, ranks=ranks, preload=libraries, local=pool.source.startswith(_HERE))
    told = {name: BOUND if pinned and name in _CORES else value for name, value in settings.items()}
    return dict(sorted({**told, **replica_environment(pool.runtime, pinned=pinned is not None)}.items()))


def _defaults(pool: PoolPlan) -> dict[str, Any]:
    return {**defaults(pool.family, "gpu" if pool.gpus else "cpu"), **lora_defaults(pool.engine)}


def _line(name: str, why: str) -> str:
    return f"{name.ljust(_NAME)} {why}"


def _hung(start: str, settings: Mapping[str, Any], none: str) -> list[str]:
    pairs = ", ".join(f"{key}={flow(value)}" for key, value in sorted(settings.items()))
    return wrap(start + (pairs or none), WIDTH, subsequent_indent="    ", break_long_words=False)
