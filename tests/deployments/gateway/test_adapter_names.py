"""A model with an adapter is a model name like any other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from deployments.errors import Invalid
from deployments.gateway.gateway import Gateway
from deployments.signals import FleetView, PoolState
from tests.deployments.gateway.building import EngineTransport, ask, client, engines, gateway, settings

MODELS = {"dense": {"family": "dense", "lora": True, "adapters": ["legal"]}, "moe": {"family": "moe"}}
GRAPH = {"auto": {"fallback": ["dense:legal", "moe"]}}


def view(*loaded: str) -> FleetView:
    """Return a view in which *loaded* were loaded into dense at run time."""
    state = PoolState(ready=1, target=1, starting=0)
    return FleetView(at_s=0.0, pools={"moe": state, "dense": PoolState(ready=1, target=1, starting=0, adapters=loaded)})


@pytest.fixture
async def reached() -> AsyncIterator[EngineTransport]:
    async with engines() as transport:
        for name in ("legal", "late"):
            await transport.engines["dense"].load_adapter(name, "")
        yield transport


def served(transport: EngineTransport, *loaded: str, default: str = "auto") -> Gateway:
    return gateway(transport, lambda: view(*loaded), models=MODELS, graph=GRAPH, default=default)


async def chat(one: Gateway, model: str | None) -> httpx.Response:
    async with client(one) as calls:
        return await calls.post("/v1/chat/completions", json=ask(max_tokens=4, **({"model": model} if model else {})))


async def test_a_declared_adapter_answers_by_its_name_in_a_graph_and_as_the_default(reached: EngineTransport) -> None:
    """The answer and the headers name it, and its words are not the model's own."""
    plain = (await chat(served(reached), "dense")).json()
    assert plain["model"] == "dense"
    for one, model in ((served(reached), "dense:legal"), (served(reached), None)):
        told = await chat(one, model)
        assert told.json()["model"] == "dense:legal"
        assert told.headers["x-tercet-model"] == "dense:legal"
        assert told.headers["x-tercet-path"].endswith("dense:legal")
        assert told.json()["choices"] != plain["choices"]
    assert (await chat(served(reached, default="dense:legal"), None)).json()["model"] == "dense:legal"


async def test_a_name_loaded_at_run_time_lives_as_long_as_the_controller_says(reached: EngineTransport) -> None:
    """Its name comes and goes with the controller's word, without new settings."""
    loaded: list[str] = []
    one = gateway(reached, lambda: view(*loaded), models=MODELS, graph=GRAPH, default="auto")
    assert (await chat(one, "dense:late")).status_code == 404
    loaded.append("late")
    assert (await chat(one, "dense:late")).json()["model"] == "dense:late"
    loaded.clear()
    assert (await chat(one, "dense:late")).status_code == 404


async def test_a_controller_that_starts_anew_takes_no_name_away(reached: EngineTransport) -> None:
    """It knows no pools for a while; what the last one said holds until then."""
    views = [view("late")]
    one = gateway(reached, lambda: views[-1], models=MODELS, graph=GRAPH, default="auto")
    assert (await chat(one, "dense:late")).status_code == 200
    views.append(FleetView(at_s=0.0, pools={}))
    assert (await chat(one, "dense:late")).status_code == 200


@pytest.mark.parametrize("name", ["dense:leagl", "dense:", "dense:legal:x", "auto:legal", "moe:legal"])
async def test_an_unknown_adapter_is_an_unknown_model(reached: EngineTransport, name: str) -> None:
    """404 with the names that are near."""
    told = await chat(served(reached, "late"), name)
    assert told.status_code == 404
    assert told.json()["error"]["code"] == "model_not_found"
    assert "dense:legal" in told.json()["error"]["message"]


async def test_adapters_are_listed_with_the_model_that_they_are_for(reached: EngineTransport) -> None:
    """Declared and loaded ones, each once, and one by one as well."""
    async with client(served(reached, "late", "legal")) as calls:
        listed = (await calls.get("/v1/models")).json()["data"]
        alone = (await calls.get("/v1/models/dense:late")).json()
    found = {one["id"]: one for one in listed}
    assert len(found) == len(listed)
    assert [name for name, one in found.items() if one["kind"] == "adapter"] == ["dense:late", "dense:legal"]
    assert {found[name]["parent"] for name in ("dense:late", "dense:legal")} == {"dense"}
    assert found["dense:late"]["endpoints"] == found["dense"]["endpoints"]
    assert alone == found["dense:late"]


async def test_the_demand_of_an_adapter_is_its_pools(reached: EngineTransport) -> None:
    """The autoscaler sizes pools, not adapters."""
    one = served(reached)
    await chat(one, "dense:legal")
    assert {name: pool.arrivals_total for name, pool in one.signals(0.0).pools.items()} == {"dense": 1}


def test_a_graph_may_not_lead_to_an_adapter_that_nobody_declares() -> None:
    """A name that may come and go at run time is nothing to route to."""
    with pytest.raises((ValueError, Invalid), match="dense:late"):
        gateway(EngineTransport({}), models=MODELS, graph={"auto": {"fallback": ["dense:late"]}}, default="auto")


async def test_where_a_name_may_end_is_known_of_every_name_and_of_the_graph_in_force() -> None:
    """Of an adapter it is the model that it is for; a graph that takes another's place counts at once."""
    one = gateway(EngineTransport({}))
    try:
        assert one.live.ends_of("auto") == {"dense", "moe", "distilled"}
        assert one.live.ends_of("quick") == {"dense", "distilled"}
        assert one.live.ends_of("moe") == one.live.ends_of("moe:legal") == {"moe"}
        one.reconfigure(settings(graph={"auto": {"fallback": ["moe"]}}))
        assert one.live.ends_of("auto") == {"moe"}
    finally:
        await one.close()
