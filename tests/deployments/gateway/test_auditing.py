"""A gateway that keeps an audit trail: what its clients, its metrics and its status say of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.audit.lines import Answered
from deployments.gateway.gateway import Gateway
from deployments.request import Frame
from tests.deployments.audit.keeping import checked, records
from tests.deployments.gateway.building import ask, client, engines, fleet, gateway, settings, until
from tests.deployments.scripted import Hang, Pause, Scripted
from tests.exposition import exposition

END = Frame(data=b"data: [DONE]\n\n", text="!", tokens=1, finish_reason="stop", prompt_tokens=3)


def audited(transport: Any, folder: Path, **section: Any) -> Gateway:
    given = settings(audit={"enabled": True, **section})
    return Gateway(given, transport, name="g1", fleet=fleet, audit=folder)


def kept(folder: Path) -> list[Answered]:
    return [line.record for line in records(folder) if isinstance(line.record, Answered)]


async def asked(calls: httpx.AsyncClient, **more: Any) -> httpx.Response:
    return await calls.post("/v1/chat/completions", json=ask(max_tokens=4, **more))


async def test_every_answer_has_a_record(tmp_path: Path) -> None:
    """Streamed and whole, not what was wrong from the start; the trail verifies when the gateway has closed."""
    async with engines() as transport:
        served = audited(transport, tmp_path)
        async with client(served) as calls:
            told = [await asked(calls, model="dense", stream=stream) for stream in (True, False)]
            assert (await asked(calls, model="dense", temperature=-1)).status_code == 400
            assert (await asked(calls, model="nobody")).status_code == 404
            assert (await calls.get("/ready")).json()["audit"] == "ok"
            metrics = exposition(served.metrics).decode()
        assert served.signals(0.0).audit == "ok"
        await served.close()
    assert [one.status_code for one in told] == [200, 200]
    assert told[0].text.endswith("data: [DONE]\n\n")
    found = kept(tmp_path)
    assert [one.request_id for one in found] == [one.headers["x-request-id"] for one in told]
    assert [(one.model, one.path, one.completion_tokens, one.outcome) for one in found] == [
        ("dense", ("dense",), 4, "ok")
    ] * 2
    assert checked(tmp_path).findings == []
    assert 'tercet_audit_records_total{outcome="written"} 2.0' in metrics
    assert "tercet_audit_up 1.0" in metrics


@pytest.mark.parametrize("policy", ["refuse", "degrade"])
async def test_a_disk_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, policy: str
) -> None:
    """Refused with an error that says so, or answered and told; and all is well again by itself.

    Why is for the operator: paths are nothing for whoever asks whether a gateway is ready.
    """

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    async with engines() as transport:
        served = audited(transport, tmp_path, on_failure=policy)
        async with client(served) as calls:
            assert (await asked(calls, model="dense")).status_code == 200
            with monkeypatch.context() as patch:
                patch.setattr(os, "fdatasync", full)
                first = await asked(calls, model="dense", stream=True)
                second = await asked(calls, model="dense")
                ready = await calls.get("/ready")
                status = served.signals(0.0).audit
                metrics = exposition(served.metrics).decode()
            await until(lambda: served.signals(0.0).audit == "ok")
            assert (await asked(calls, model="dense")).status_code == 200
            assert (await calls.get("/ready")).status_code == 200
        await served.close()
    assert ready.json()["audit"] == ("refusing" if policy == "refuse" else "answering without records")
    assert "No space left" not in ready.text
    assert "No space left" in status
    assert "audit_failed" in caplog.messages
    assert "tercet_audit_up 0.0" in metrics
    if policy == "refuse":
        assert '"audit_unavailable"' in first.text
        assert "[DONE]" not in first.text
        assert (second.status_code, second.json()["error"]["code"]) == (503, "audit_unavailable")
        assert ready.status_code == 503
    else:
        assert first.text.endswith("data: [DONE]\n\n")
        assert (second.status_code, ready.status_code) == (200, 200)
    assert not checked(tmp_path).problems
    answered = [first, second] if policy == "degrade" else []
    assert {one.headers["x-request-id"] for one in answered} <= {one.request_id for one in kept(tmp_path)}


async def test_a_trail_is_begun_and_ended_by_new_settings(tmp_path: Path) -> None:
    """Without a restart, and without a record less."""
    async with engines() as transport:
        served = gateway(transport)
        async with client(served) as calls:
            assert (await asked(calls, model="dense")).status_code == 200
            assert "audit" not in (await calls.get("/ready")).json()
            served.reconfigure(settings(audit={"enabled": True, "folder": str(tmp_path)}))
            assert (await asked(calls, model="dense")).status_code == 200
            served.reconfigure(settings())
            assert (await asked(calls, model="dense")).status_code == 200
        await served.close()
    assert len(kept(tmp_path)) == 1


async def under_way(calls: httpx.AsyncClient, transport: Scripted, **more: Any) -> asyncio.Task[httpx.Response]:
    """Ask for a stream, and return once it has begun."""
    opened = len(transport.log)
    asking = asyncio.create_task(asked(calls, model="dense", stream=True, **more))
    await until(lambda: len(transport.log) > opened)
    return asking


@pytest.mark.parametrize("room", [0, 256])
async def test_a_stream_under_way_is_recorded_where_it_began(tmp_path: Path, room: int) -> None:
    """New settings close the trail before only when nobody owes it a record any more; that one is signed to its end."""
    transport = Scripted({"dense": [b"a", Pause(0.5), END]})
    served = audited(transport, tmp_path / "one", wait=0.2)
    served._background._limit = room  # none is left where too much goes on beside requests
    async with client(served) as calls:
        first = await under_way(calls, transport)
        served.reconfigure(settings(audit={"enabled": True, "folder": str(tmp_path / "two")}))
        second = await under_way(calls, transport)
        served.reconfigure(settings())
        third = await under_way(calls, transport)
        told = await asyncio.gather(first, second, third)
        assert all("audit_unavailable" not in one.text for one in told)
        for folder, one in ((tmp_path / "one", told[0]), (tmp_path / "two", told[1])):
            assert [record.request_id for record in kept(folder)] == [one.headers["x-request-id"]]
            await until(lambda folder=folder: checked(folder).findings == [])  # type: ignore[misc] # it was closed
    await served.close()


async def test_a_gateway_that_closes_does_not_wait_for_a_trail_before(tmp_path: Path) -> None:
    """But signs it all the same."""
    transport = Scripted({"dense": [b"a", Hang()]})
    served = audited(transport, tmp_path)
    async with client(served) as calls:
        left = await under_way(calls, transport)
        served.reconfigure(settings())
        await asyncio.wait_for(served.close(), 20)
        left.cancel()
        await asyncio.wait([left])
    assert checked(tmp_path).findings == []


def test_a_gateway_without_a_trail_needs_nothing_that_signs() -> None:
    """It would have to load it at every start."""
    code = "import sys, deployments.gateway.gateway; sys.exit('cryptography' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3], timeout=60)


async def test_a_trail_without_a_folder_is_refused() -> None:
    """When the settings are taken, not with the first request."""
    async with engines() as transport:
        with pytest.raises(ValueError, match=r"audit\.folder"):
            gateway(transport, audit=True)
