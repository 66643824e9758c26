"""The remote models of a gateway while its settings change."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from deployments.errors import Rejected
from deployments.gateway.gateway import Gateway
from deployments.remote.spec import RemoteSpec
from deployments.remote.transport import Remotes
from tests.deployments.gateway.building import EngineTransport, gateway, settings, until
from tests.deployments.remote.far import answer, answered, far, says, says_slowly
from tests.deployments.scripted import chat, context

SAID = answer("200 OK", b'{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}')


def spec(url: str, **changed: Any) -> RemoteSpec:
    return RemoteSpec.model_validate({"family": "remote", "url": url, "model": "gpt-x", **changed})


async def test_a_request_of_the_graph_before_reaches_its_own_model() -> None:
    """For as long as it may run; then the connections close."""
    async with far(says(SAID)) as server:
        remotes = Remotes()
        old = remotes.follow({"cloud": spec(server.url)}, reached_for_s=0.0)["cloud"]
        new = remotes.follow({"cloud": spec(server.url, concurrency=5)}, reached_for_s=0.3)["cloud"]
        assert new is not old
        await asyncio.sleep(0.05)
        assert (await answered(old, chat()))[-1].text == "hi"
        await until(lambda: old._connections._client.is_closed, within_s=2.0)
        with pytest.raises(Rejected):
            await answered(old, chat())
        assert (await answered(new, chat()))[-1].text == "hi"
        await remotes.close()


async def test_a_call_under_way_keeps_its_model_beyond_that() -> None:
    """However short the time is that new ones have."""
    async with far(says_slowly(0.3, SAID)) as server:
        remotes = Remotes()
        old = remotes.follow({"cloud": spec(server.url)}, reached_for_s=0.0)["cloud"]
        under_way = asyncio.ensure_future(answered(old, chat()))
        await until(lambda: bool(server.asked), within_s=2.0)
        remotes.follow({}, reached_for_s=0.0)
        assert (await under_way)[-1].text == "hi"
        await until(lambda: old._connections._client.is_closed, within_s=2.0)
        await remotes.close()


async def test_the_longest_time_counts() -> None:
    """Requests of two graphs ago may have longer than those of the last."""
    async with far(says(SAID)) as server:
        remotes = Remotes()
        old = remotes.follow({"cloud": spec(server.url)}, reached_for_s=0.0)["cloud"]
        remotes.follow({"cloud": spec(server.url)}, reached_for_s=60.0)
        remotes.follow({}, reached_for_s=0.0)
        await asyncio.sleep(0.05)
        assert (await answered(old, chat()))[-1].text == "hi"
        await asyncio.wait_for(remotes.close(), 2.0)
        assert old._connections._client.is_closed


def led_to(url: str, **changed: Any) -> dict[str, Any]:
    remote = {"family": "remote", "url": url, "model": "gpt-x", **changed}
    host = url.split("/")[2]
    return {"models": {"cloud": {"family": "remote", "remote": remote}}, "graph": {}, "default": "cloud",
            "remote_hosts": [host]}  # fmt: skip


async def said_by(served: Gateway, node: Any) -> str:
    named = chat("hi", model="cloud")
    ctx = context(deadline_s=time.monotonic() + 5.0)
    return "".join([frame.text async for frame in node(named, ctx)])


async def test_a_gateway_s_live_graph_answers_through_a_change() -> None:
    """One that began before it, and one after; a change that fails leaves what is in place."""
    async with far(says(SAID)) as server:
        served = gateway(EngineTransport({}), lambda: None, **led_to(server.url))
        before = served.live.entry("cloud")[1]
        served.reconfigure(settings(**led_to(server.url, concurrency=5)))
        await asyncio.sleep(0.05)
        after = served.live.entry("cloud")[1]
        assert (await said_by(served, before), await said_by(served, after)) == ("hi", "hi")
        await served.close()


async def test_a_change_that_fails_leaves_the_models_of_the_graph_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are exchanged with the graph or not at all."""
    async with far(says(SAID)) as server:
        served = gateway(EngineTransport({}), lambda: None, **{**led_to(server.url), "request_timeout": 0.01})
        before = served.live.entry("cloud")[1]

        def fail(*_: Any, **__: Any) -> None:
            raise RuntimeError("no graph")

        with monkeypatch.context() as patched:
            patched.setattr("deployments.gateway.gateway.compile_graph", fail)
            with pytest.raises(RuntimeError, match="no graph"):
                served.reconfigure(settings(**led_to(server.url, concurrency=5)))
        await asyncio.sleep(0.1)
        assert await said_by(served, before) == "hi"
        await served.close()
