"""From arguments of a command line to traces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autoscale.sim.arrivals import Trace
from autoscale.sim.traces.altered import Between, Multiplied
from autoscale.sim.traces.generated import Generated
from autoscale.sim.traces.lengths import Lengths, read_histograms, read_pairs
from autoscale.sim.traces.rates import Rates, read_rates
from autoscale.sim.traces.records import RequestLog
from autoscale.sim.traces.requests import RequestFile
from autoscale.sim.traces.tables import TraceError, header


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How traces are read: where rates get lengths from, how many times the requests, which part, whose seed."""

    lengths: tuple[Path, ...] = ()
    scale: float = 1.0
    from_s: float = 0.0
    until_s: float = float("inf")
    seed: int = 0
    cached_share: float = 0.0


def named(arguments: Sequence[str], pools: Sequence[str]) -> dict[str, Path]:
    """Return each pool's trace from arguments ``POOL=PATH``, or ``PATH`` alone where there is one pool.

    Raises TraceError where it is not clear whose trace one is.
    """
    found: dict[str, Path] = {}
    for argument in arguments:
        pool, sign, path = argument.partition("=")
        if not sign or pool not in pools:
            pool, path = pools[0] if len(pools) == 1 else "", argument
        if not pool:
            raise TraceError(f"{argument}: write POOL=PATH; the document has the pools {', '.join(pools)}")
        if pool in found:
            raise TraceError(f"{argument}: pool {pool} has a trace already, {found[pool]}")
        found[pool] = Path(path)
    return found


def read(path: Path, reading: Reading, pool: str, origin_s: float | None = None) -> Trace:
    """Open a trace: a CSV of requests, a CSV of rates, or Tercet's own record of requests.

    Times of requests count from *origin_s*, else from the first one. Raises TraceError.
    """
    if recorded(path):
        return _altered(RequestLog(path=path, pool=pool, origin_s=origin_s), reading)
    columns = header(path)
    if "input_tokens" in columns:
        return _altered(RequestFile(path=path, origin_s=origin_s), reading)
    if {"rate_rps", "tokens_per_s"} & set(columns):
        return _generated(path, reading)
    raise TraceError(f"{path}: has neither input_tokens, nor rate_rps, nor tokens_per_s in its first line")


def _generated(path: Path, reading: Reading) -> Trace:
    lengths = _lengths(path, reading.lengths)
    rates = _part(read_rates(path, tokens_per_request=sum(lengths.mean)), reading).times(reading.scale)
    return Generated(rates=rates, lengths=lengths, seed=reading.seed, cached_share=reading.cached_share)


def _lengths(path: Path, files: Sequence[Path]) -> Lengths:
    if len(files) == 1:
        return read_pairs(files[0])
    if len(files) == 2:  # noqa: PLR2004  # one of prompts and one of outputs
        return read_histograms(files[0], files[1])
    raise TraceError(f"{path}: has rates alone; give --lengths a file of pairs, or two: of prompts, then of outputs")


def _part(rates: Rates, reading: Reading) -> Rates:
    if reading.from_s >= rates.span_s:
        raise TraceError(f"the trace ends after {rates.span_s:g} s, before the period from {reading.from_s:g} s on")
    return rates.between(reading.from_s, min(reading.until_s, rates.span_s))


def _altered(trace: Trace, reading: Reading) -> Trace:
    if reading.from_s > 0 or reading.until_s < float("inf"):
        trace = Between(trace=trace, begin_s=reading.from_s, end_s=reading.until_s)
    return trace if reading.scale == 1 else Multiplied(trace=trace, factor=reading.scale, seed=reading.seed)


def recorded(path: Path) -> bool:
    """Tell whether a path is of Tercet's own record, whose times are Unix times."""
    return path.is_dir() or path.suffix == ".jsonl"


def began_s(paths: Mapping[str, Path]) -> float | None:
    """Return the Unix time of the first recorded request of any pool; None without a record. Raises TraceError."""
    records = (RequestLog(path=path, pool=pool) for pool, path in paths.items() if recorded(path))
    return min((record.began_s for record in records), default=None)


def read_all(paths: Mapping[str, Path], reading: Reading) -> dict[str, Trace]:
    """Open every pool's trace; records count from the first request of any pool, and so do CSVs of requests."""
    files = [path for path in paths.values() if not recorded(path) and "input_tokens" in header(path)]
    record_s, file_s = began_s(paths), min((RequestFile(path=path).began_s for path in files), default=None)
    return {pool: read(path, reading, pool, record_s if recorded(path) else file_s) for pool, path in paths.items()}


def pairs(arguments: Iterable[str], what: str) -> dict[str, Path]:
    """Read arguments ``NAME=PATH``. Raises TraceError for one without a name."""
    found = {}
    for argument in arguments:
        name, sign, path = argument.partition("=")
        if not sign or not name or not path:
            raise TraceError(f"--{what} {argument}: write POOL=FILE")
        found[name] = Path(path)
    return found
