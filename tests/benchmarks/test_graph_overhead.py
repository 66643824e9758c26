"""The graph-overhead benchmark measures what it says: six nodes deep, whole answers only."""

from __future__ import annotations

import pytest

from benchmarks import graph_overhead
from benchmarks.graph_overhead import DIRECT, NESTED, THROUGH, Bench, InProcess, check
from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings
from deployments.gateway.surfaces import parse
from deployments.request import Context

TOKENS = 4


async def test_both_ways_bring_whole_answers_and_six_nodes_are_on_the_path() -> None:
    """The nested way meets every node once; each way to ask times a first token before the last."""
    spec = SyntheticSpec.model_validate({"step": {"base_ms": 1, "per_prefill_token_us": 0, "per_sequence_us": 0}})
    engine = SyntheticEngine("model", "model", "model#0", spec)
    await engine.start()
    models = {"model": {"family": "dense"}}
    settings = GatewaySettings.model_validate({"models": models, "graph": dict(NESTED), "default": THROUGH})
    gateway = Gateway(settings, InProcess(engine), fleet=lambda: None)
    bench = Bench(gateway)
    for ask in (bench.frames, bench.app):
        for name in (DIRECT, THROUGH):
            first_s, last_s = await ask(name, TOKENS)
            assert 0 < first_s < last_s
    request = parse("chat", graph_overhead.body(THROUGH, TOKENS, 0))
    context = Context(request_id="r", deadline_s=gateway.clock() + 60, now=gateway.utc_now())
    heads = [frame.head async for frame in gateway.live.entry(THROUGH)[1](request, context)]
    assert heads[0] is not None
    assert heads[0].path == (*NESTED, "model")
    await gateway.close()
    await engine.stop()


def test_an_answer_that_is_not_whole_stops_the_benchmark() -> None:
    """Nothing is counted that did not come."""
    with pytest.raises(RuntimeError, match="3 of 4 tokens came"):
        check(3, 4)
