"""The fleet that plays a burst: engines, targets and policy, as a document to serve and a scenario to simulate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from autoscale.capacity.profile import EngineProfile
from autoscale.capacity.profile_file import write_profile
from autoscale.fleet import Slo
from autoscale.sim.profiles import shipped
from autoscale.sim.scenario import Scenario, SimPool
from autoscale.spec import AutoscaleSpec
from benchmarks.live_burst_clock import faster
from cluster.imitation import imitating

POOL = "dense"
PROFILE = "llama2-70b-a100-tp4"
# At the pace of the trace: a step with a full chunk of prompts takes 0.15 s on this engine.
TTFT_S, TPOT_S = 5.0, 0.25
COLD_START_S = 60.0
# Its default is a quarter of an hour, of which a burst of twenty minutes would hardly see the end.
RELEASE_AFTER_S = 180.0
LEAST, MOST = 1, 8
MAX_WAITING, MAX_MODEL_LEN = 2048, 32_768
# The policy counts over at least five seconds of the trace: an interval that is exactly as long would often be a
# little less, and the count then comes an interval late.
INTERVAL_S = 1.1
# Each replica stands for one on a machine of its own: none waits until others have started their processes.
ENVIRONMENT = {"RAY_worker_maximum_startup_concurrency": str(2 * MOST)}
# How old reports are in the mean when the policy looks: each second one is sent, and the last is looked at.
SIGNAL_LAG_S = 0.5
# Serve's processes ask for the published targets twice a second, and Serve's loop runs twice a second.
SERVE_LAG_S = 0.5
# What gateway, link and engine process add to a first token.
ROUTING_S = 0.008


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Engines as they were measured here, everything in them *speed* times as fast as in the trace's world."""

    speed: float
    measured: EngineProfile

    @property
    def slo(self) -> Slo:
        """Return the targets, sped up."""
        return Slo(ttft_p95_s=TTFT_S / self.speed, tpot_p95_s=TPOT_S / self.speed)

    def autoscale(self, *, knees: str = "process") -> dict[str, Any]:
        """Return the section of the document: the default policy at the trace's pace."""
        options = {"speed": self.speed, "policy": {"sla": {"release_after": RELEASE_AFTER_S}}, "knees": knees}
        return {
            "policy": {"python": "benchmarks.live_burst_clock:TraceTime", "options": options},
            "interval": INTERVAL_S,
        }

    def document(self, directory: Path, *, seed: int = 0) -> dict[str, Any]:
        """Return what to serve; writes the profile that it names into *directory*."""
        file = directory / "engine.yaml"
        write_profile(file, self.measured, source="measured on this machine")
        return {
            "models": {
                POOL: {
                    "family": "dense",
                    "source": "synthetic",
                    "runtime": "synthetic",
                    "synthetic": engine(self.speed, seed=seed),
                    "replicas": {"min": LEAST, "max": MOST, "initial": LEAST},
                    "slo": {"ttft_p95": self.slo.ttft_p95_s, "tpot_p95": self.slo.tpot_p95_s},
                    "max_waiting": MAX_WAITING,
                    "profile": str(file),
                }
            },
            "autoscale": self.autoscale(),
        }

    def spec(self) -> AutoscaleSpec:
        """Return the same section for the simulator, in which no time passes while knees are worked out."""
        return AutoscaleSpec.model_validate(self.autoscale(knees="here"))

    def scenario(self, *, began_s: float, duration_s: float, seed: int = 0) -> Scenario:
        """Return the same fleet for the simulator, beginning at this Unix time."""
        pool = SimPool(
            name=POOL,
            min_replicas=LEAST,
            max_replicas=MOST,
            initial_replicas=LEAST,
            profile=self.measured,
            slo=self.slo,
            max_waiting=MAX_WAITING,
        )
        return Scenario(
            pools=(pool,),
            interval_s=INTERVAL_S,
            signal_lag_s=SIGNAL_LAG_S,
            serve_lag_s=SERVE_LAG_S,
            routing_s=ROUTING_S,
            window_s=AutoscaleSpec().queue.ttft_window,
            began_s=began_s,
            duration_s=duration_s,
            seed=seed,
        )


def engine(speed: float, *, seed: int = 0) -> dict[str, Any]:
    """Return the options of the synthetic engine that imitates the shipped profile; its start is the whole cold one."""
    profile = shipped(PROFILE)
    profile = replace(profile, starts=replace(profile.starts, median_s=COLD_START_S))
    return imitating(profile, speed=speed, seed=seed, max_model_len=MAX_MODEL_LEN).model_dump(mode="json")


def expected(speed: float) -> EngineProfile:
    """Return what the engine should be measured as."""
    return faster(shipped(PROFILE), speed)


def written(document: dict[str, Any], file: Path) -> Path:
    """Write *document* for ``tercet serve``."""
    file.write_text(yaml.safe_dump(document))
    return file
