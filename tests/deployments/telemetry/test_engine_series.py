"""What a replica exposes: its signals under our names, and the engine's own series under the engine's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from deployments.engines.histogram import LatencyHistogram
from deployments.signals import ReplicaSignals
from deployments.telemetry.engine_series import EngineSeries
from deployments.telemetry.exposition import joined


@pytest.fixture
def engine() -> Iterator[None]:
    """Keep series as vLLM does, beside one of somebody else."""
    labels = ["model_name", "engine"]
    waiting = Gauge("vllm:num_requests_waiting", "Waiting.", labels)
    ttft = Histogram("vllm:time_to_first_token_seconds", "TTFT.", labels, buckets=(0.1, 1.0))
    other = Gauge("somebody_elses", "Not ours to show.")
    waiting.labels("dense", "0").set(3)
    ttft.labels("dense", "0").observe(0.5)
    yield
    for one in (waiting, ttft, other):
        REGISTRY.unregister(one)


def exposed() -> dict[str, list[tuple[dict[str, str], float]]]:
    latency = LatencyHistogram()
    latency.add(0.02)
    signals = ReplicaSignals(
        pool="dense", replica="r0", at_s=0.0, stage="ready", stage_since_s=0.0, running=2, waiting=1, slots=4,
        kv_used=0.5, generated_tokens_total=7, ttft=latency.read(),
    )  # fmt: skip
    text = joined([EngineSeries("dense", "r0", lambda: signals)("text")], "text").decode()
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_signals_are_there_under_the_replica_s_name() -> None:
    """Load, totals and latencies."""
    found, whose = exposed(), {"pool": "dense", "replica": "r0"}
    assert found["tercet_engine_running"] == [(whose, 2)]
    assert found["tercet_engine_kv_used_ratio"] == [(whose, 0.5)]
    assert found["tercet_engine_generated_tokens_total"] == [(whose, 7)]
    assert ({**whose, "le": "0.025"}, 1) in found["tercet_engine_ttft_seconds_bucket"]
    assert found["tercet_engine_ttft_seconds_count"] == [(whose, 1)]


def test_vllm_s_names_and_labels_are_kept(engine: None) -> None:
    """With pool and replica beside them, and nothing that is not the engine's."""
    found, whose = exposed(), {"pool": "dense", "replica": "r0"}
    assert found["vllm:num_requests_waiting"] == [({**whose, "model_name": "dense", "engine": "0"}, 3)]
    assert found["vllm:time_to_first_token_seconds_count"] == [({**whose, "model_name": "dense", "engine": "0"}, 1)]
    assert not any(name.startswith(("somebody", "python_", "process_")) for name in found)
    assert not any(name.endswith("_created") for name in found)
