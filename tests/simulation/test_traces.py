"""Traces from files, from rates with lengths, and from other traces."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from autoscale.sim.arrivals import Arrivals
from autoscale.sim.traces.altered import Between, Multiplied, Tiled
from autoscale.sim.traces.generated import Generated, Noise, reseeded
from autoscale.sim.traces.lengths import Pairs, read_histograms, read_pairs
from autoscale.sim.traces.rates import Rates, joined, read_rates
from autoscale.sim.traces.records import RequestLog
from autoscale.sim.traces.requests import RequestFile
from autoscale.sim.traces.shapes import flash_crowd, level, steps
from autoscale.sim.traces.tables import TraceError
from deployments.telemetry.records import Record
from tests.simulation.small import arrivals, chunks

SHORT = Pairs(prompt=np.array([10, 30], np.int32), output=np.array([1, 3], np.int32))


def _whole(trace: Iterable[Arrivals]) -> Arrivals:
    parts = list(trace)
    return Arrivals(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Arrivals.__slots__})


def _file(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_request_file_streams_in_chunks(tmp_path, name):
    """Plain or gzip, in parts of any size, times from zero."""
    path = _file(tmp_path, name, "t_s,input_tokens,output_tokens", "5,10,1", "6,20,2", "6,30,0")
    found = list(RequestFile(path=path, rows=2))
    assert [len(chunk) for chunk in found] == [2, 1]
    whole = _whole(found)
    assert (whole.t_s.tolist(), whole.prompt.tolist(), whole.output.tolist()) == ([0, 1, 1], [10, 20, 30], [1, 2, 0])
    assert _whole(RequestFile(path=path)).cached.tolist() == [0, 0, 0]


def test_cached_tokens_are_read_where_a_file_has_them(tmp_path):
    """By name, wherever the column stands."""
    path = _file(tmp_path, "a.csv", "cached_tokens,t_s,output_tokens,input_tokens", "7,0,1,10")
    whole = _whole(RequestFile(path=path))
    assert (whole.cached.tolist(), whole.prompt.tolist()) == ([7], [10])


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("t_s,input_tokens",), "no column output_tokens"),
        (("t_s,input_tokens,output_tokens",), "no rows"),
        (("t_s,input_tokens,output_tokens", "0,1,1", "x,1,1"), "after line 1"),
        (("t_s,input_tokens,output_tokens", "1,1,1", "0,1,1"), "back in time"),
        (("t_s,input_tokens,output_tokens", "0,-1,1"), "tokens whole numbers"),
        (("t_s,input_tokens,output_tokens", ""), "no rows"),
        ((), "no column t_s"),
        (("t_s,input_tokens,output_tokens,cached_tokens", "0,10,1,11"), "cached_tokens must be at most"),
    ],
)
def test_a_wrong_file_is_told(tmp_path, lines, says):
    """The message names the file and what is wrong with it."""
    path = _file(tmp_path, "a.csv", *lines)
    with pytest.raises(TraceError, match=says) as caught:
        list(RequestFile(path=path))
    assert "a.csv" in str(caught.value)


def test_missing_rates_are_filled_by_straight_lines(tmp_path):
    """A lost window is no silence."""
    rates = read_rates(_file(tmp_path, "r.csv", "t_s,rate_rps", "0,2", "10,nan", "20,6"))
    assert rates.rate_rps.tolist() == [2, 4, 6]
    assert rates.span_s == 30


def test_tokens_per_second_need_the_size_of_a_request(tmp_path):
    """And become requests with it."""
    path = _file(tmp_path, "r.csv", "t_s,tokens_per_s", "0,100", "60,300")
    assert read_rates(path, tokens_per_request=100).rate_rps.tolist() == [1, 3]
    with pytest.raises(TraceError, match="how many tokens"):
        read_rates(path)


def test_rates_are_scaled_cut_and_tiled():
    """The mean is over time, not over rows."""
    rates = joined([level(1.0, 30.0), level(4.0, 10.0)])
    assert rates.mean_rps == pytest.approx(1.75)
    assert rates.scaled(7.0).rate_rps.tolist() == [4, 16]
    part = rates.between(20.0, 35.0)
    assert (part.edges_s.tolist(), part.rate_rps.tolist()) == ([0, 10, 15], [1, 4])
    assert rates.tiled(3).span_s == 120
    assert rates.tiled(3).mean_rps == pytest.approx(1.75)


def test_shapes_have_their_levels():
    """Steps and a flash crowd."""
    jump = steps(2.0, (2.0, 4.0), hold_s=10.0, between_s=20.0)
    assert jump.rate_rps.tolist() == [2, 4, 2, 8, 2]
    crowd = flash_crowd(1.0, 8.0, before_s=60, ramp_s=30, hold_s=60, decay_s=100, after_s=600)
    assert crowd.rate_rps.max() == pytest.approx(8)
    assert crowd.rate_rps[-1] == pytest.approx(1 + 7 * np.exp(-5.99), rel=1e-2)
    assert np.all(np.diff(crowd.edges_s) > 0)


@pytest.mark.parametrize(("gaps", "cv"), [("gamma", 1.0), ("gamma", 3.0), ("weibull", 2.0), ("gamma", 0.5)])
def test_generated_gaps_have_the_rate_and_the_variation(gaps, cv):
    """In a level series the gaps are those asked for."""
    trace = Generated(rates=level(50.0, 4000.0), lengths=SHORT, gap_cv=cv, gaps=gaps, seed=1)
    whole = _whole(trace)
    between = np.diff(whole.t_s)
    assert len(whole) / 4000.0 == pytest.approx(50.0, rel=0.03)
    assert between.std() / between.mean() == pytest.approx(cv, rel=0.05)
    assert np.all(between >= 0)


def test_generated_requests_follow_the_rate():
    """Counts by window follow the series, and a window at zero has none."""
    rates = Rates(edges_s=np.array([0.0, 100, 200, 300]), rate_rps=np.array([10.0, 0.0, 100.0]))
    counts, _ = np.histogram(_whole(Generated(rates=rates, lengths=SHORT, seed=2)).t_s, rates.edges_s)
    assert counts[1] == 0
    assert counts[[0, 2]] == pytest.approx([1000, 10_000], rel=0.15)


def test_generated_traces_repeat_themselves():
    """The same seed, the same requests; another one, others."""
    one, other = (Generated(rates=level(5.0, 300.0), lengths=SHORT, seed=seed) for seed in (1, 2))
    assert np.array_equal(_whole(one).t_s, _whole(one).t_s)
    assert not np.array_equal(_whole(one).t_s[:50], _whole(other).t_s[:50])


def test_minute_noise_has_its_strength_and_memory():
    """A lognormal factor of mean 1 that remembers the minute before."""
    noisy = Noise(sigma=0.2, memory=0.8).of(level(1.0, 60.0 * 20_000), np.random.default_rng(0))
    logs = np.log(noisy.rate_rps)
    assert noisy.mean_rps == pytest.approx(1.0, abs=0.02)
    assert logs.std() == pytest.approx(0.2, rel=0.05)
    assert np.corrcoef(logs[1:], logs[:-1])[0, 1] == pytest.approx(0.8, abs=0.03)


def test_lengths_are_drawn_from_histograms_and_pairs(tmp_path):
    """With the means that the files have."""
    prompt = _file(tmp_path, "p.csv", "tokens,probability", "10,0.25", "20,0.75")
    output = _file(tmp_path, "o.csv", "tokens,probability", "0,0.5", "4,0.5")
    lengths = read_histograms(prompt, output)
    assert lengths.mean == pytest.approx((17.5, 2.0))
    prompts, outputs = lengths.draw(np.random.default_rng(0), 20_000)
    assert set(prompts) == {10, 20}
    assert (prompts.mean(), outputs.mean()) == pytest.approx(lengths.mean, rel=0.03)
    pairs = read_pairs(_file(tmp_path, "x.csv", "input_tokens,output_tokens", "10,1", "30,3"))
    prompts, outputs = pairs.draw(np.random.default_rng(0), 100)
    assert np.array_equal(prompts, 10 * outputs)


def test_a_part_of_a_trace_counts_from_its_beginning():
    """Whatever the chunks are."""
    whole = arrivals(500, rate=10.0)
    part = _whole(Between(trace=list(chunks(whole, 37)), begin_s=10.0, end_s=20.0))
    inside = (whole.t_s >= 10.0) & (whole.t_s < 20.0)
    assert np.allclose(part.t_s, whole.t_s[inside] - 10.0)
    assert np.array_equal(part.prompt, whole.prompt[inside])


def test_tiles_follow_each_other():
    """One turn after the other; a period shorter than the trace is refused."""
    whole = arrivals(100, rate=10.0)
    tiled = _whole(Tiled(trace=[whole], count=3, period_s=60.0))
    assert np.array_equal(tiled.t_s, np.concatenate([whole.t_s, whole.t_s + 60.0, whole.t_s + 120.0]))
    with pytest.raises(ValueError, match="shorter than the trace"):
        list(Tiled(trace=[whole], count=2, period_s=1.0))


@pytest.mark.parametrize("factor", [0.3, 1.0, 2.5])
def test_a_multiplied_trace_keeps_its_pace(factor):
    """So many times the requests in the same time, in order over the seams of chunks."""
    whole = arrivals(4000, rate=20.0)
    more = _whole(Multiplied(trace=list(chunks(whole, 100)), factor=factor))
    assert len(more) == pytest.approx(factor * len(whole), rel=0.1)
    assert more.t_s[-1] <= whole.t_s[-1] + 1.0
    assert np.all(np.diff(more.t_s) >= 0)


def _record(at_s: float, **changes) -> str:
    fields = {
        "request_id": "r", "at_s": at_s, "node": "keep", "entry": "chat", "endpoint": "chat", "outcome": "ok",
        "duration_s": 1.0, "prompt_tokens": 10, "completion_tokens": 5, "path": ("dense",),
    }  # fmt: skip
    return msgspec.json.encode(Record(**{**fields, **changes})).decode()


def test_records_are_replayed_in_order_of_arrival(tmp_path):
    """From all files of a folder; refused requests and a shadow's copies are no arrivals."""
    _file(tmp_path, "a.jsonl", _record(105.0), _record(100.0, prompt_tokens=20), _record(101.0, kind="shadow"))
    _file(tmp_path, "b.jsonl", _record(103.0, path=("moe",)), _record(104.0, prompt_tokens=None, outcome="refused"))
    whole = _whole(RequestLog(path=tmp_path))
    assert (whole.t_s.tolist(), whole.prompt.tolist()) == ([0, 3, 5], [20, 10, 10])
    assert _whole(RequestLog(path=tmp_path, pool="moe")).t_s.tolist() == [0]
    with pytest.raises(TraceError, match="no record of an answered request of entry other"):
        list(RequestLog(path=tmp_path, entry="other"))


@pytest.mark.parametrize("tokens", ["nan", "-1", "2147483648", "inf"])
def test_lengths_that_are_none_are_told(tmp_path, tokens):
    """As pairs and in a histogram, with the column."""
    pairs = _file(tmp_path, "p.csv", "input_tokens,output_tokens", "1,1", f"1,{tokens}")
    with pytest.raises(TraceError, match="output_tokens must be whole numbers"):
        read_pairs(pairs)
    histogram = _file(tmp_path, "h.csv", "tokens,probability", f"{tokens},1")
    with pytest.raises(TraceError, match="tokens must be whole numbers"):
        read_histograms(histogram, histogram)


@pytest.mark.parametrize("share", ["nan", "-1", "0", "inf"])
def test_probabilities_that_are_none_are_told(tmp_path, share):
    """Not a number, negative, nothing at all."""
    histogram = _file(tmp_path, "h.csv", "tokens,probability", f"1,{share}")
    with pytest.raises(TraceError, match="probability must be"):
        read_histograms(histogram, histogram)


def test_a_rate_without_a_time_is_told(tmp_path):
    """Rates may be missing, times not."""
    with pytest.raises(TraceError, match="t_s must be a finite number"):
        read_rates(_file(tmp_path, "r.csv", "t_s,rate_rps", "0,1", "nan,1", "2,1"))


def test_other_seeds_are_other_requests_only_where_they_are_generated():
    """The first seed is the trace itself."""
    made = Generated(rates=level(5.0, 100.0), lengths=SHORT, seed=3)
    first, other = _whole(reseeded(made, 0)), _whole(reseeded(made, 1))
    assert first.t_s.tolist() == _whole(made).t_s.tolist() != other.t_s.tolist()
    recorded = [arrivals(10, 1.0)]
    assert reseeded(recorded, 1) is recorded


def test_a_trace_may_count_from_a_time_before_its_own(tmp_path):
    """A pool of a log counts from the log's first request, and a file of requests from any time."""
    log = _file(tmp_path, "a.jsonl", _record(100.0), _record(130.0, path=("moe",)))
    assert RequestLog(path=log, pool="moe").began_s == 130.0
    assert _whole(RequestLog(path=log, pool="moe", origin_s=100.0)).t_s.tolist() == [30]
    csv = _file(tmp_path, "r.csv", "t_s,input_tokens,output_tokens", "7,1,1", "9,1,1")
    assert RequestFile(path=csv).began_s == 7.0
    assert _whole(RequestFile(path=csv, rows=1, origin_s=5.0)).t_s.tolist() == [2, 4]


def test_a_line_that_is_no_record_is_told(tmp_path):
    """With its place; one that is still being written is left out."""
    path = _file(tmp_path, "a.jsonl", _record(1.0), json.dumps({"at_s": "soon"}))
    with pytest.raises(TraceError, match=r"a\.jsonl:2: is not a record"):
        list(RequestLog(path=path))
    path.write_bytes(_record(1.0).encode() + b"\n" + b'{"at_s": 2')
    assert len(_whole(RequestLog(path=path))) == 1
