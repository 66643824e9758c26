"""What the short evaluation runs, in the order of what matters: every figure once, with few settings.

Weeks are judged on their second half, or on a day of it. Whatever is chosen in advance, peers, their settings and the
shape of the optimum's schedules, is chosen on hours of the first day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autoscale.backtest.contenders import PEERS
from benchmarks.autoscale_sets import BURSTS, JUMP, WEEKS, Setting, Workload
from benchmarks.autoscale_trials import DAY_S

TUNE_DAYS = (0.25, 0.75)
SHAPE_DAYS = (0.25, 0.5)
# So many of the peers that did best on the first day are judged, at their defaults and tuned.
JUDGED_PEERS = 2

Kind = Literal["policies", "optimum", "late oracle", "simple", "peers", "tuned peers"]
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One workload under one setting.

    ``days`` of it are judged; without them a week's second half, and all of what is made up.
    """

    setting: Setting
    workload: Workload
    days: tuple[float, float] | None = None

    def judged(self, folder: Path) -> tuple[float, float]:
        """Return the days that are judged."""
        end = self.workload.rates(folder).span_s / DAY_S
        return self.days or ((0.0 if self.workload.made_up else end / 2), end)

    @property
    def name(self) -> str:
        """Return what a person would call it."""
        return f"{self.workload.name} ({self.setting.name})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Some rows of one part: policies by ``names``, what knows the future, or what did best of several before."""

    part: Part
    kind: Kind
    names: tuple[str, ...] = ()
    seeds: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in the order that they are run in, and what is left out of the evaluation that they are short for."""

    steps: tuple[Step, ...]
    left_out: tuple[str, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return every part once, in the order of its first step."""
        return tuple(dict.fromkeys(step.part for step in self.steps))


CODE, LARGE, MID, CONV, SHAREGPT = WEEKS
_SOON = Setting(name="cold start 180 s", workloads=())
_LATE = Setting(name="cold start 420 s", workloads=(), cold_start_s=420.0)
_OVER = Setting(name="capacity overstated by 20 %", workloads=(), capacity_error=0.2)
_UNDER = Setting(name="capacity understated by 20 %", workloads=(), capacity_error=-0.2)
_STAND_IN = Setting(name="with brown-out", workloads=(), stand_in=1.0)


def _steps(
    setting: Setting,
    workloads: Sequence[Workload],
    *kinds: Kind,
    seeds: int = 1,
    days: tuple[float, float] | None = None,
) -> Iterator[Step]:
    for workload in workloads:
        part = Part(setting=setting, workload=workload, days=days)
        for kind in kinds:
            yield Step(part=part, kind=kind, names=("sla",) if kind == "policies" else (), seeds=seeds)


# One of the days that are never tuned on.
_A_DAY = (5.0, 6.0)
_TWO, _MORE = (SHAREGPT, CODE), (LARGE, CONV)

SHORT = Plan(
    steps=(
        # Every figure once.
        *_steps(_SOON, _TWO[:1], "policies", "optimum"),
        *_steps(_SOON, BURSTS, "policies", "optimum"),
        *_steps(_STAND_IN, (JUMP,), "policies"),
        *_steps(_OVER, _TWO, "policies", days=_A_DAY),
        *_steps(_UNDER, _TWO, "policies", days=_A_DAY),
        *_steps(_SOON, _TWO[1:], "policies", "optimum", "peers", "simple"),
        *_steps(_LATE, BURSTS, "policies", "optimum"),
        *_steps(_SOON, _MORE[:1], "policies", "optimum"),
        *_steps(_LATE, _TWO[:1], "policies", "optimum"),
        *_steps(_SOON, _TWO[1:], "tuned peers"),
        *_steps(_SOON, (MID,), "policies", "optimum", days=_A_DAY),
        # The same for more workloads.
        *_steps(_SOON, BURSTS, "late oracle"),
        *_steps(_SOON, _MORE[1:], "policies", "optimum"),
        *_steps(_SOON, (LARGE, SHAREGPT), "peers", "simple"),
        *_steps(_OVER, _MORE, "policies", days=_A_DAY),
        *_steps(_UNDER, _MORE, "policies", days=_A_DAY),
        *_steps(_LATE, (CODE,), "policies", "optimum"),
        *_steps(_SOON, (LARGE,), "tuned peers"),
        *_steps(_SOON, _TWO[1:], "policies", seeds=3),
    ),
    left_out=(
        "the first half of each week; policies were developed on days of some",
        f"{MID.name} but for one day, the busiest",
        f"peers on {MID.name} and {CONV.name}, tuned ones on {SHAREGPT.name}",
        "tuned dynamo, chiron and wva-v1; of the other grids what halving them does not come by",
        "static sizes, OPT100 and the mean-rate oracle",
        f"cold starts of 420 s on {LARGE.name}, {CONV.name} and {MID.name}",
        f"capacity errors on more than a day of each week, and on {MID.name}",
        "other seeds of what knows the future, and of other weeks than one",
    ),
)
PLANS: Mapping[str, Plan] = {"short": SHORT}

# What a run of twelve replicas takes on one core: a second for so many simulated ones. Decisions take more where they
# need the knee.
_PACE, _DECIDED_PACE, _DECIDED_BY_KNEE_PACE = 10_000.0, 40_000.0, 7_000.0
_BY_KNEE: tuple[Kind, ...] = ("policies", "simple")
# How many runs on what is judged, and on what comes before.
_RUNS: Mapping[Kind, tuple[int, int]] = {
    "policies": (1, 0), "optimum": (3, 8), "late oracle": (12, 0), "simple": (2, 3), "peers": (2, 18),
    "tuned peers": (2, 40),
}  # fmt: skip


def estimated_s(step: Step, folder: Path) -> float:
    """Return roughly what a step takes on one core, in seconds, where nothing of it is remembered."""
    (begin, end), (runs, before) = step.part.judged(folder), _RUNS[step.kind]
    first, last = SHAPE_DAYS if step.kind == "optimum" else TUNE_DAYS
    runs, before = (runs + before, 0) if step.part.workload.made_up and step.kind == "optimum" else (runs, before)
    simulated_s = (step.seeds * runs * (end - begin) + before * (last - first)) * DAY_S
    decided = _DECIDED_BY_KNEE_PACE if step.kind in _BY_KNEE else _DECIDED_PACE
    return simulated_s * (1 / _PACE + 1 / decided)


_EACH = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
_KV = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
_OFTEN_S = 15
_SMALL_GRIDS = ("keda-waiting", "heteroscale")
# Settings from careful to careless, of which halves are tried.
UTILIZATIONS: tuple[Options, ...] = tuple(
    {"utilization": share} for share in (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
)
LADDERS: Mapping[str, tuple[Options, ...]] = {
    "hpa-ongoing": tuple({"target": one} for one in _EACH),
    "ray-serve": tuple(
        {"target_ongoing_requests": one, "upscale_delay_s": 0, "downscale_delay_s": 300} for one in _EACH
    ),
    "knative": tuple({"target": one, "scale_down_delay_s": 300} for one in _EACH),
    "epp-keda": tuple({"running_each": one} for one in _EACH),
    "hpa-kv": tuple({"target": one} for one in _KV),
    "aibrix-apa": tuple({"target": one, "window_s": 60} for one in _KV),
    "aibrix-kpa-restored": tuple({"target": one} for one in _KV),
    "wva-v2": tuple(one for one in PEERS["wva-v2"].settings if one["interval_s"] == _OFTEN_S),
    "wva-inferno": tuple({"margin": one, "interval_s": _OFTEN_S} for one in (1.5, 1.35, 1.2, 1.1, 1.0)),
}
GRIDS: Mapping[str, Sequence[Options]] = {name: PEERS[name].settings for name in _SMALL_GRIDS}
