"""What ``tercet backtest`` and ``tercet tune`` are asked for, and the trial that it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autoscale.backtest.trial import Trial
from autoscale.sim.traces.tables import TraceError
from cluster.backtesting.scenario import Unsimulated, Weather, profile_path, scenario_of, source_of
from cluster.backtesting.traces import Reading, began_s, named, pairs, read_all
from cluster.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A document, its traces, and how both are read; ``began_s`` is the Unix time of their second 0, if known."""

    file: Path
    config: Config
    traces: Mapping[str, Path]
    profiles: Mapping[str, Path]
    reading: Reading
    weather: Weather
    began_s: float | None = None

    def trial(self, from_s: float = 0.0, until_s: float = float("inf")) -> Trial:
        """Return one part of the traces on the document's fleet.

        Raises Unsimulated, TraceError and ProfileError, which say what is missing.
        """
        folder, models = self.file.parent, self.config.pools()
        scenario = scenario_of(self.config, folder, self.traces, self.profiles, self.weather)
        reading = replace(self.reading, from_s=from_s, until_s=until_s)
        return Trial(
            name=", ".join(path.stem for path in self.traces.values()),
            scenario=replace(scenario, began_s=(self.began_s or 0.0) + from_s),
            arrivals=read_all(self.traces, reading),
            sources={name: source_of(profile_path(name, models[name], folder, self.profiles)) for name in self.traces},
        )


def asked(
    file: Path,
    config: Config,
    traces: Sequence[str],
    profiles: Sequence[str],
    reading: Reading,
    weather: Weather,
    began: float | None = None,
) -> Asked:
    """Put the arguments together; *began* is the Unix time of the first row of traces that do not know it themselves.

    Raises TraceError where it is not clear which pool one is of, or when the traces began.
    """
    pools = tuple(config.pools())
    if not pools:
        raise Unsimulated(f"{file}: has no pool of its own engines")
    paths = named(traces, pools)
    recorded_s = began_s(paths)
    if recorded_s is not None and began is not None:
        raise TraceError("--began: Tercet's records have the times of their requests themselves; leave it out")
    return Asked(
        file=file,
        config=config,
        traces=paths,
        profiles=pairs([_of_only(one, pools) for one in profiles], "profile"),
        reading=reading,
        weather=weather,
        began_s=began if recorded_s is None else recorded_s,
    )


def _of_only(argument: str, pools: Sequence[str]) -> str:
    return f"{pools[0]}={argument}" if "=" not in argument and len(pools) == 1 else argument
