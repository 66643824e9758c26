"""From a Tercet document to the fleet that is simulated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from autoscale.capacity.profile import EngineProfile, StartTimes
from autoscale.capacity.profile_file import load_profile
from autoscale.fleet import Slo
from autoscale.hardware import Hardware
from autoscale.sim import profiles as shipped
from autoscale.sim.profiles import names
from autoscale.sim.scenario import Scenario, SimPool
from cluster.config import Config, ModelSpec
from cluster.stand_ins import stand_ins


class Unsimulated(Exception):
    """A document from which no fleet can be simulated; the message says what is missing and where to write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What the document does not say; times in seconds, ``None`` where the profile knows."""

    interval_s: float = 5.0
    signal_lag_s: float = 1.0
    cold_start_s: float | None = None
    capacity_error: float = 0.0
    start_failures: float | None = None
    seed: int = 0


def scenario_of(
    config: Config, folder: Path, pools: Iterable[str], profiles: Mapping[str, Path], weather: Weather
) -> Scenario:
    """Return the fleet of *pools*; *profiles* take the place of those that the document names, relative to *folder*.

    Raises Unsimulated for a pool without a profile, a target, or a name in the document; ProfileError.
    """
    known = config.pools()
    chosen = tuple(dict.fromkeys(pools))
    for name in chosen:
        if name not in known:
            raise Unsimulated(f"{name!r} is not a pool of the document, which has {', '.join(known)}")
    return Scenario(
        pools=tuple(_pool(name, config, folder, profiles, weather, chosen) for name in chosen),
        interval_s=weather.interval_s,
        signal_lag_s=weather.signal_lag_s,
        capacity_error=weather.capacity_error,
        seed=weather.seed,
    )


def _pool(
    name: str, config: Config, folder: Path, profiles: Mapping[str, Path], weather: Weather, chosen: tuple[str, ...]
) -> SimPool:
    model = config.pools()[name]
    if model.slo.ttft_p95 is None and model.slo.tpot_p95 is None:
        raise Unsimulated(f"models.{name}.slo: needs ttft_p95 or tpot_p95; without a target every request is within it")
    profile = load_profile(profile_path(name, model, folder, profiles))
    profile = replace(profile, starts=_starts(profile.starts, weather))
    least = max(1, model.replicas.min) if model.replicas.initial is None else model.replicas.initial
    return SimPool(
        name=name,
        min_replicas=model.replicas.min,
        max_replicas=model.replicas.max,
        initial_replicas=min(model.replicas.max, max(model.replicas.min, least)),
        profile=profile,
        slo=Slo(ttft_p95_s=model.slo.ttft_p95, tpot_p95_s=model.slo.tpot_p95, late=model.slo.late),
        hardware=_hardware(model, profile),
        stand_ins=tuple(one for one in stand_ins(name, config.pools(), config.graph) if one in chosen),
        priority=model.priority,
        max_waiting=model.max_waiting,
        drain_s=model.drain,
    )


def profile_path(name: str, model: ModelSpec, folder: Path, profiles: Mapping[str, Path]) -> Path:
    """Return the file of a pool's profile: as given, by a shipped profile's name, or as the document says.

    Raises Unsimulated where there is none.
    """
    given = profiles.get(name)
    if given is not None:
        return shipped_path(str(given)) if str(given) in names() else given
    if model.profile is not None:
        return folder / Path(model.profile).expanduser()
    way_out = f"measure one with `tercet profile` and write models.{name}.profile, or give --profile {name}=FILE"
    raise Unsimulated(f"models.{name}: has no profile to simulate it by; {way_out}; shipped are {', '.join(names())}")


def shipped_path(name: str) -> Path:
    """Return the file of a profile that comes with Tercet."""
    return Path(shipped.__file__).parent / f"{name}.yaml"


def source_of(path: Path) -> str:
    """Return what a profile says of where its figures are from."""
    found = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    return " ".join(str(found.get("source", "")).split()) if isinstance(found, dict) else ""


def _starts(starts: StartTimes, weather: Weather) -> StartTimes:
    if weather.cold_start_s is not None:
        starts = replace(starts, median_s=weather.cold_start_s)
    if weather.start_failures is not None:
        starts = replace(starts, failure_share=weather.start_failures)
    return starts


def _hardware(model: ModelSpec, profile: EngineProfile) -> Hardware:
    """Return what one replica takes; without a price, a GPU costs 1 an hour, or a replica where it has none."""
    gpus = model.resources.gpus
    if gpus is None:
        parallel = [model.engine.get(f"{kind}_parallel_size", 1) for kind in ("tensor", "pipeline", "data")]
        gpus = 0.0 if profile.hardware == "cpu" else float(parallel[0] * parallel[1] * parallel[2])
    cost = model.cost_per_hour if model.cost_per_hour is not None else gpus or 1.0
    return Hardware(kind=profile.hardware, gpus=gpus, cpus=model.resources.cpus or 1.0, cost_per_hour=cost)
