"""The bursts that are played: windows of a recorded trace, thinned to the fleet and sped up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoscale.sim.arrivals import Arrivals
from autoscale.sim.traces.altered import Between, Multiplied
from autoscale.sim.traces.requests import RequestFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Minutes of a file of requests, and the share of its requests that are sent, drawn by *seed*."""

    file: str
    from_min: float
    until_min: float
    share: float
    seed: int

    @property
    def span_s(self) -> float:
        """Return how long it lasts at its own pace."""
        return 60.0 * (self.until_min - self.from_min)

    def arrivals(self, folder: Path, speed: float) -> Arrivals:
        """Return its requests with times *speed* times as close. Raises TraceError, and OSError without the file."""
        part = Between(
            trace=RequestFile(path=folder / self.file), begin_s=60 * self.from_min, end_s=60 * self.until_min
        )
        chunks = list(Multiplied(trace=part, factor=self.share, seed=self.seed))
        return Arrivals(
            t_s=np.concatenate([chunk.t_s for chunk in chunks]) / speed,
            prompt=np.concatenate([chunk.prompt for chunk in chunks]),
            output=np.maximum(1, np.concatenate([chunk.output for chunk in chunks])),
            cached=np.concatenate([chunk.cached for chunk in chunks]),
        )


_CODE = "requests/azure2023_code.csv"
# Each begins with some minutes of little traffic, in which the policy gets to know the lengths.
BURSTS: Mapping[str, Burst] = {
    "code minutes 6 to 26": Burst(file=_CODE, from_min=6, until_min=26, share=0.3, seed=1),
    "code minutes 25 to 45": Burst(file=_CODE, from_min=25, until_min=45, share=0.4, seed=2),
}
