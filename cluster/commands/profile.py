"""``tercet profile``: measure one engine, in a process of its own because the command line loads no engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.commands.problems_shown import plan_or_exit
from cluster.machine import this_machine
from cluster.plan import PoolPlan

_CONFIG = (".yaml", ".yml")


def profile(
    model: Annotated[
        str, typer.Argument(help="A Tercet document, or a model: a directory, demo/NAME or a Hugging Face id.")
    ],
    output: Annotated[Path, typer.Option(dir_okay=False, help="Where the profile goes: YAML.")],
    pool: Annotated[str | None, typer.Option(help="Which pool of the document, where it has several.")] = None,
    family: Annotated[str, typer.Option(help="The family of a model: dense, moe or distilled.")] = "dense",
    hardware: Annotated[
        str | None, typer.Option(help="What it runs on, such as H100; `cpu` where the pool takes no GPU.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=5, max=3600, help="How long to load the engine.")] = 120.0,
) -> None:
    """Measure one engine's step times at many loads, and write the profile that simulations and cold starts use."""
    spec, gpus = _of_document(Path(model), pool) if model.endswith(_CONFIG) else (_of_model(model, family), 0.0)
    if gpus and hardware is None:
        raise typer.BadParameter("a pool on GPUs needs the name of their kind, such as H100", param_hint="--hardware")
    order = {
        "spec": spec,
        "model": spec["name"],
        "hardware": hardware or "cpu",
        "seconds": seconds,
        "output": str(output.absolute()),
    }
    raise typer.Exit(_run([sys.executable, "-m", "cluster.profiling", json.dumps(order)]))


def _of_document(file: Path, pool: str | None) -> tuple[dict[str, Any], float]:
    plan = plan_or_exit(file, nodes=(this_machine(),))
    able = [one for one in plan.pools if one.family != "pooling"]
    chosen = [one for one in able if pool is None or one.name == pool]
    if len(chosen) != 1:
        raise typer.BadParameter(_which(able, pool), param_hint="--pool")
    one = chosen[0]
    spec: dict[str, Any] = {"name": one.name, "family": one.family, "source": one.source, "runtime": one.runtime}
    spec |= {"engine": dict(one.engine), "media": dict(one.media), "synthetic": dict(one.synthetic)}
    if one.pinned_cores is not None:
        spec["cores"] = sorted(os.sched_getaffinity(0))[: one.pinned_cores]
    return spec, one.gpus


def _which(able: Sequence[PoolPlan], pool: str | None) -> str:
    names = ", ".join(one.name for one in able) or "none"
    why = "name one of the pools that generate text" if pool is None else f"{pool} is no pool that generates text"
    return f"{why}: {names}"


def _of_model(source: str, family: str) -> dict[str, Any]:
    if family not in ("dense", "moe", "distilled"):
        raise typer.BadParameter(f"{family} is not one of dense, moe, distilled", param_hint="--family")
    name = Path(source).expanduser().name or "model"
    return {"name": name, "family": family, "source": source, "runtime": "vllm"}


def _run(command: list[str]) -> int:
    with subprocess.Popen(command) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.terminate()
            return 130
