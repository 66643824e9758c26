"""A gateway that keeps an audit trail: what its clients, its metrics and its status say of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.audit.lines import Answered
from deployments.gateway.gateway import Gateway
from tests.deployments.audit.keeping import checked, records
from tests.deployments.gateway.building import ask, client, engines, fleet, gateway, settings, until


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
            metrics = (await calls.get("/metrics")).text
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
async def test_a_disk_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    """Refused with an error that says so, or answered and told; and all is well again by itself."""

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
                metrics = (await calls.get("/metrics")).text
            await until(lambda: served.signals(0.0).audit == "ok")
            assert (await asked(calls, model="dense")).status_code == 200
            assert (await calls.get("/ready")).status_code == 200
        await served.close()
    assert "No space left" in ready.json()["audit"]
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


async def test_a_trail_without_a_folder_is_refused() -> None:
    """When the settings are taken, not with the first request."""
    async with engines() as transport:
        with pytest.raises(ValueError, match=r"audit\.folder"):
            gateway(transport, audit=True)
