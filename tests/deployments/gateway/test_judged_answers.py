"""Cascades and ensembles over HTTP: what a client gets beside its answer."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.deployments.gateway.building import client, gateway
from tests.deployments.nodes.cascade.test_cascade import SURE, token, tokens
from tests.deployments.scripted import Scripted
from tests.exposition import exposition

GRAPH = {
    "auto": {"cascade": [{"to": "distilled", "accept": SURE}, {"to": "moe"}]},
    "agreed": {"ensemble": ["dense", "moe"], "choose": "vote"},
}


async def asked(pools: dict[str, Any], model: str, *, stream: bool) -> tuple[httpx.Response, str]:
    served = gateway(Scripted(pools), graph=GRAPH)
    async with client(served) as http:
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        answer = await http.post("/v1/chat/completions", json=body)
    await served.close()
    return answer, exposition(served.metrics).decode()


@pytest.mark.parametrize("stream", [True, False])
async def test_headers_tell_of_a_cascade(stream: bool) -> None:
    """Who was asked, why it did not answer, and how long that took; its tokens are counted as hidden."""
    answer, metrics = await asked({"distilled": tokens(4, -2), "moe": [b"", token(text="m")]}, "auto", stream=stream)
    assert answer.text == "m"
    assert answer.headers["x-tercet-model"] == "moe"
    assert answer.headers["x-tercet-cascade"] == ("distilled rejected mean_logprob -2.00 < -0.8 after 4 tokens; moe")
    assert answer.headers["x-tercet-held"].startswith("4 tokens, ")
    assert 'tercet_graph_hidden_tokens_total{node="auto"} 4.0' in metrics
    assert 'tercet_graph_edges_total{node="auto",outcome="declined",target="distilled"} 1.0' in metrics
    assert 'tercet_tokens_total{kind="completion",model="moe"} 1.0' in metrics


@pytest.mark.parametrize("stream", [True, False])
async def test_headers_tell_of_an_ensemble(stream: bool) -> None:
    """Whose answer was chosen and how."""
    pools = {"dense": [b"", token(text="4")], "moe": [b"", token(text="4."), token(text="")]}
    answer, metrics = await asked(pools, "agreed", stream=stream)
    assert answer.text == "4"
    assert answer.headers["x-tercet-ensemble"] == "dense chosen by 2 of 2 votes"
    assert 'tercet_graph_hidden_tokens_total{node="agreed"} 2.0' in metrics


async def test_tokens_that_came_at_once_have_no_time_between_them() -> None:
    """A held answer is no sample of how fast its model writes."""
    _, metrics = await asked({"distilled": tokens(3), "moe": []}, "auto", stream=True)
    assert 'tercet_tokens_total{kind="completion",model="distilled"} 3.0' in metrics
    assert 'tercet_time_per_output_token_seconds_count{model="distilled"}' not in metrics
