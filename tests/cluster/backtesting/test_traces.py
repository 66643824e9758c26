"""Arguments of a command line as traces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autoscale.sim.arrivals import Trace
from autoscale.sim.traces.tables import TraceError
from cluster.backtesting.traces import Reading, began_s, named, read, read_all


def count(trace: Trace) -> int:
    return sum(len(chunk) for chunk in trace)


def written(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    return written(tmp_path / "r.csv", "t_s,input_tokens,output_tokens", *(f"{at},100,10" for at in range(100)))


def test_a_path_alone_is_the_only_pools() -> None:
    """With several pools each trace is named."""
    assert named(["a.csv"], ["dense"]) == {"dense": Path("a.csv")}
    assert named(["moe=b.csv", "dense=a=1.csv"], ["dense", "moe"]) == {"moe": Path("b.csv"), "dense": Path("a=1.csv")}


@pytest.mark.parametrize("arguments", [["a.csv"], ["other=a.csv"], ["dense=a.csv", "dense=b.csv"]])
def test_whose_a_trace_is_must_be_clear(arguments: list[str]) -> None:
    """No pool, an unknown one, the same one twice."""
    with pytest.raises(TraceError, match=r"POOL=PATH|already"):
        named(arguments, ["dense", "moe"])


def test_requests_are_cut_and_multiplied(requests: Path) -> None:
    """A part of the time, and twice the requests of it."""
    assert count(read(requests, Reading(), "dense")) == 100
    assert count(read(requests, Reading(from_s=20, until_s=50), "dense")) == 30
    assert count(read(requests, Reading(until_s=50, scale=2), "dense")) == 100


def test_rates_need_lengths(tmp_path: Path, requests: Path) -> None:
    """A file of pairs will do, one of requests too."""
    rates = written(tmp_path / "rates.csv", "t_s,rate_rps", "0,5", "100,5", "200,5")
    with pytest.raises(TraceError, match="--lengths"):
        read(rates, Reading(), "dense")
    found = count(read(rates, Reading(lengths=(requests,), from_s=100, scale=2), "dense"))
    assert 1_800 < found < 2_200  # 200 s at 10 a second


def test_reads_tercets_own_record(tmp_path: Path) -> None:
    """The requests that the pool answered last."""
    lines = [
        json.dumps({"at_s": at, "path": ["cascade", pool], "prompt_tokens": 7, "completion_tokens": 3})
        for at, pool in ((1.0, "dense"), (2.0, "moe"), (3.0, "dense"))
    ]
    trace = read(written(tmp_path / "records.jsonl", *lines), Reading(), "dense")
    assert count(trace) == 2


def test_pools_of_one_log_keep_their_distance(tmp_path: Path) -> None:
    """What came 30 s later at another pool comes 30 s later still; the log's first request is second 0."""
    lines = [
        json.dumps({"at_s": at, "path": [pool], "prompt_tokens": 7, "completion_tokens": 3})
        for at, pool in ((1000.0, "dense"), (1030.0, "moe"), (1050.0, "dense"))
    ]
    log = written(tmp_path / "records.jsonl", *lines)
    found = read_all({"dense": log, "moe": log}, Reading(from_s=10.0))
    assert {pool: next(iter(trace)).t_s.tolist() for pool, trace in found.items()} == {"dense": [40.0], "moe": [20.0]}
    assert began_s({"dense": log, "moe": log}) == 1000.0


def test_pools_of_files_keep_their_distance(tmp_path: Path, requests: Path) -> None:
    """Files of requests are on one clock; nobody knows when it began."""
    later = written(tmp_path / "later.csv", "t_s,input_tokens,output_tokens", "40,1,1", "41,1,1")
    found = read_all({"dense": requests, "moe": later}, Reading())
    assert next(iter(found["moe"])).t_s.tolist() == [40.0, 41.0]
    assert began_s({"dense": requests, "moe": later}) is None


def test_another_file_is_refused(tmp_path: Path) -> None:
    """The columns that are looked for are named."""
    with pytest.raises(TraceError, match="rate_rps"):
        read(written(tmp_path / "x.csv", "a,b", "1,2"), Reading(), "dense")
