"""Requests over HTTP are held against the goals, and counted under OpenTelemetry's names where that is asked for."""

from __future__ import annotations

from deployments.errors import NoReplica
from tests.deployments.gateway.building import ask, client, gateway, settings
from tests.deployments.scripted import Act, Scripted
from tests.exposition import exposition

CHAT = "/v1/chat/completions"
GOALS = {"answered": {"share": 0.99}, "code": {"share": 0.9, "first_token": 1, "entries": ["dense"]}}
ACTS: dict[str, list[Act]] = {"dense": [b"{}"], "moe": [NoReplica("down")]}


async def test_goals_count_what_they_are_about() -> None:
    """Our failures and not the client's; one is for a single entry."""
    served = gateway(Scripted(ACTS), objectives={"goals": GOALS})
    async with client(served) as calls:
        for model in ("dense", "moe", "nobody"):
            await calls.post(CHAT, json=ask(model=model))
    told = served.signals(0.0).goals
    assert {name: (one.judged, one.missed) for name, one in told.items()} == {"answered": (2, 1), "code": (1, 0)}
    assert 'tercet_goal_missed_total{goal="answered"} 1.0' in exposition(served.metrics).decode()


async def test_a_goal_is_there_from_the_beginning() -> None:
    """A counter that appears with its first miss has not grown by it."""
    served = gateway(Scripted({}), objectives={"goals": GOALS})
    assert 'tercet_goal_missed_total{goal="answered"} 0.0' in exposition(served.metrics).decode()


async def test_opentelemetry_s_names_are_there_for_who_asks() -> None:
    """From then on, and no longer than that."""
    served = gateway(Scripted(ACTS))
    async with client(served) as calls:
        await calls.post(CHAT, json=ask(model="dense"))
        assert "gen_ai" not in (await calls.get("/metrics")).text
        served.reconfigure(settings(telemetry={"gen_ai_metrics": True}))
        for model in ("dense", "moe"):
            await calls.post(CHAT, json=ask(model=model))
        told = (await calls.get("/metrics")).text
    call = 'gateway="test",gen_ai_operation_name="chat",gen_ai_provider_name="tercet"'
    answered = f'{call},gen_ai_request_model="dense",gen_ai_response_model="dense"'
    failed = f'{call},gen_ai_request_model="moe",gen_ai_response_model=""'
    assert f'gen_ai_server_request_duration_seconds_count{{error_type="",{answered}}} 1.0' in told
    assert f'gen_ai_server_request_duration_seconds_count{{error_type="no_replica",{failed}}} 1.0' in told
    assert f"gen_ai_server_time_to_first_token_seconds_count{{{answered}}} 1.0" in told
    assert f'gen_ai_client_token_usage_count{{{answered},gen_ai_token_type="output"}} 1.0' in told
