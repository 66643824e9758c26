"""Adapters are changed over HTTP only by who holds the token, and only from where the configuration says."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.adapters import AdapterOutcome
from deployments.gateway.app import build_app
from deployments.gateway.gateway import Gateway
from tests.deployments.adapter_folder import adapter_folder
from tests.deployments.gateway.building import EngineTransport, gateway

TOKEN = "correct-horse-battery-staple"
BEARER = {"authorization": f"Bearer {TOKEN}"}
MODELS = {
    "dense": {"family": "dense", "lora": True, "adapters": ["declared"]},
    "moe": {"family": "moe"},
}


@dataclass
class Recorded:
    """Takes orders, and says what the test wants said."""

    outcome: AdapterOutcome = field(default_factory=lambda: AdapterOutcome(done=("r0", "r1")))
    calls: list[tuple[str, ...]] = field(default_factory=list)

    async def load(self, pool: str, adapter: str, path: str, within_s: float) -> AdapterOutcome:
        assert 0 < within_s <= 600
        self.calls.append(("load", pool, adapter, path))
        return self.outcome

    async def unload(self, pool: str, adapter: str, within_s: float) -> AdapterOutcome:
        self.calls.append(("unload", pool, adapter))
        return self.outcome


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TERCET_TEST_TOKEN", TOKEN)
    return Path(adapter_folder(tmp_path / "adapters" / "a"))


def guarded(place: Path, **admin: Any) -> Gateway:
    named = {"token_env": "TERCET_TEST_TOKEN", "adapters_from": [str(place.parent)], **admin}
    return gateway(EngineTransport({}), models=MODELS, graph={}, default="dense", admin=named)


def client(served: Gateway, admin: Recorded) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=build_app(served, admin))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway")


async def ask(served: Gateway, admin: Recorded, verb: str, headers: dict[str, str], **body: Any) -> httpx.Response:
    async with client(served, admin) as calls:
        return await calls.post(f"/v1/{verb}_lora_adapter", json=body, headers=headers)


async def test_an_adapter_is_loaded_and_unloaded_by_vllms_names(place: Path) -> None:
    """The name may also be given apart from the model's."""
    admin, served = Recorded(), guarded(place)
    loaded = await ask(served, admin, "load", BEARER, lora_name="dense:a", lora_path=str(place))
    assert loaded.status_code == 200
    assert loaded.json()["replicas"] == ["r0", "r1"]
    assert "dense:a" in loaded.json()["message"]
    await ask(served, admin, "load", BEARER, model="dense", lora_name="b", lora_path=str(place))
    await ask(served, admin, "unload", BEARER, lora_name="dense:a")
    assert admin.calls == [
        ("load", "dense", "a", str(place)),
        ("load", "dense", "b", str(place)),
        ("unload", "dense", "a"),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": b"Bearer \xff\xfe".decode("latin-1")},
    ],
)
async def test_without_the_token_nothing_happens(
    place: Path, headers: dict[str, str], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """401 with the scheme to use; not even the body is looked at, and no token is ever logged."""
    admin = Recorded()
    with caplog.at_level(logging.DEBUG):
        async with client(guarded(place), admin) as calls:
            told = await calls.post(
                "/v1/load_lora_adapter",
                content=b"{",
                headers={name: value.encode("latin-1") for name, value in headers.items()},
            )
        await ask(guarded(place), admin, "load", BEARER, lora_name="dense:a", lora_path=str(place))
    assert told.status_code == 401
    assert told.headers["www-authenticate"] == "Bearer"
    assert told.json()["error"]["code"] == "unauthorized"
    assert len(admin.calls) == 1
    assert TOKEN not in caplog.text + "".join(capsys.readouterr())


@pytest.mark.parametrize("token", ["", "short"])
async def test_a_token_that_is_missing_or_too_short_opens_nothing(
    place: Path, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty one would let in everybody who sends none."""
    monkeypatch.setenv("TERCET_TEST_TOKEN", token)
    headers = {"authorization": f"Bearer {token}"}
    told = await ask(guarded(place), Recorded(), "unload", headers, lora_name="dense:a")
    assert told.status_code == 403
    assert "TERCET_TEST_TOKEN" in told.json()["error"]["message"]


async def test_a_gateway_that_names_no_token_says_how_to_turn_it_on(place: Path) -> None:
    """Off is the default."""
    served = guarded(place, token_env=None, adapters_from=[])
    for verb in ("load", "unload"):
        told = await ask(served, Recorded(), verb, BEARER, lora_name="dense:a", lora_path=str(place))
        assert told.status_code == 403
        assert "gateway.admin.token_env" in told.json()["error"]["message"]


async def test_a_token_in_a_file_is_read_anew_each_time(place: Path, tmp_path: Path) -> None:
    """It can be changed while the gateway runs."""
    file = tmp_path / "token"
    served, admin = guarded(place, token_env=None, token_file=str(file)), Recorded()
    body = {"lora_name": "dense:a"}
    assert (await ask(served, admin, "unload", BEARER, **body)).status_code == 403
    file.write_text(TOKEN + "\n")
    assert (await ask(served, admin, "unload", BEARER, **body)).status_code == 200
    file.write_text("another-horse-battery-staple")
    assert (await ask(served, admin, "unload", BEARER, **body)).status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"lora_path": "PLACE"}, 400, "lora_name"),
        ({"lora_name": "dense:a"}, 400, "lora_path"),
        ({"lora_name": "dense:a", "lora_path": 5}, 400, "lora_path"),
        ({"lora_name": "dense", "lora_path": "PLACE"}, 400, "MODEL:ADAPTER"),
        ({"lora_name": "dense:a:b", "lora_path": "PLACE"}, 400, "MODEL:ADAPTER"),
        ({"lora_name": "dense:../a", "lora_path": "PLACE"}, 400, "MODEL:ADAPTER"),
        ({"lora_name": "dens:a", "lora_path": "PLACE"}, 404, "did you mean dense"),
        ({"lora_name": "moe:a", "lora_path": "PLACE"}, 400, "models.moe.engine.enable_lora"),
        ({"lora_name": "dense:declared", "lora_path": "PLACE"}, 400, "declared in the configuration"),
        ({"lora_name": "dense:a", "lora_path": "/etc"}, 400, "adapters_from"),
        ({"lora_name": "dense:a", "lora_path": "PLACE/../../secret"}, 400, "adapters_from"),
        ({"lora_name": "dense:a", "lora_path": "org/name"}, 400, "adapters_from"),
        ({"lora_name": "dense:a", "lora_path": "PLACE\u0000"}, 400, "adapters_from"),
        ({"lora_name": "dense:a", "lora_path": "PLACE", "load_inplace": True}, 400, "load_inplace"),
    ],
)
async def test_what_cannot_be_loaded_is_refused_by_its_field(
    place: Path, body: dict[str, Any], status: int, told: str
) -> None:
    """Before anything is ordered, with the way out."""
    admin = Recorded()
    sent = {name: value.replace("PLACE", str(place)) if name == "lora_path" and isinstance(value, str) else value
            for name, value in body.items()}  # fmt: skip
    response = await ask(guarded(place), admin, "load", BEARER, **sent)
    assert response.status_code == status
    assert told in response.json()["error"]["message"]
    assert admin.calls == []


async def test_without_folders_nothing_can_be_loaded(place: Path) -> None:
    """A token alone does not open the file system."""
    told = await ask(
        guarded(place, adapters_from=[]), Recorded(), "load", BEARER, lora_name="dense:a", lora_path=str(place)
    )
    assert told.status_code == 403
    assert "adapters_from" in told.json()["error"]["message"]


@pytest.mark.parametrize(
    ("outcome", "status", "told"),
    [
        (AdapterOutcome(refused="dense:a is loaded from /b; unload it first"), 400, "unload it first"),
        (AdapterOutcome(done=("r0",), failures={"r1": "rank 64"}), 400, "r1: rank 64"),
        (AdapterOutcome(done=("r0",), waiting=("r1",)), 504, "not loaded yet on r1"),
    ],
)
async def test_what_did_not_come_to_its_end_is_told_with_its_place(
    place: Path, outcome: AdapterOutcome, status: int, told: str
) -> None:
    """Success is only said when every ready replica is done."""
    response = await ask(guarded(place), Recorded(outcome), "load", BEARER, lora_name="dense:a", lora_path=str(place))
    assert response.status_code == status
    assert told in response.json()["error"]["message"]
