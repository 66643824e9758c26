"""Where knees come from: a question that can be asked of formulas, of a simulator, or of another process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, Self

from autoscale.capacity.knee import Knee, knee
from autoscale.capacity.miss_curve import MissCurve
from autoscale.capacity.mix import LengthMix
from autoscale.capacity.profile import EngineLimits
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Slo

# Simulated misses grow about so steeply with the rate where nothing better is known.
_STEEPNESS = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KneeQuestion:
    """What one of ``replicas`` engines carries with ``quantile`` of the requests within every target."""

    step: StepModel
    limits: EngineLimits
    mix: LengthMix
    slo: Slo
    replicas: int = 1
    quantile: float = 0.999

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Return the question that ``plain`` has told. Raises KeyError or TypeError for anything else."""
        mix = plain["mix"]
        counts = {name: tuple(mix[name]) for name in ("prompt_counts", "output_counts")}
        return cls(
            step=StepModel(**plain["step"]),
            limits=EngineLimits(**plain["limits"]),
            mix=LengthMix(**{**mix, **counts}),
            slo=Slo(**plain["slo"]),
            replicas=plain["replicas"],
            quantile=plain["quantile"],
        )


class KneeSource(Protocol):
    """Answers at once, and the same question always alike unless it learns of something better meanwhile."""

    def __call__(self, asked: KneeQuestion) -> Knee:
        """Return the knee; its rate is 0 where no rate holds the targets."""
        ...


def analytic(asked: KneeQuestion) -> Knee:
    """Answer by formulas."""
    found = knee(asked.step, asked.limits, asked.mix, asked.slo, replicas=asked.replicas, quantile=asked.quantile)
    if found.rate_rps <= 0:
        return found
    return replace(found, curve=MissCurve.around(found.rate_rps, 1 - asked.quantile, _STEEPNESS))
