"""LoRA adapters in a document: what they come to, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.changes import changes
from cluster.report import report
from tests.cluster.builders import LAPTOP, complaints, document, machine, model, planned
from tests.deployments.adapter_folder import adapter_folder

LEGAL = {"legal": "org/legal"}


def dense(**fields: Any) -> dict[str, Any]:
    """Return a document whose only model has these fields."""
    return document(models={"dense": model(**fields)})


def test_an_engine_without_adapters_is_left_as_it_was() -> None:
    """LoRA costs memory: it is on where something is declared or where the pool asks for it."""
    assert not [name for name in planned(dense()).pools[0].engine if "lora" in name]
    assert planned(dense()).gateway.settings["models"]["dense"]["lora"] is False


@pytest.mark.parametrize("fields", [{"adapters": LEGAL}, {"engine": {"enable_lora": True}}])
def test_adapters_turn_lora_on_with_defaults_that_are_shown(fields: dict[str, Any]) -> None:
    """Their values are in the report, and what the pool says comes over them."""
    plan = planned(dense(**fields))
    engine = plan.pools[0].engine
    assert (engine["enable_lora"], engine["max_loras"], engine["max_lora_rank"]) == (True, 4, 32)
    assert engine["max_cpu_loras"] == 16
    assert plan.gateway.settings["models"]["dense"]["lora"] is True
    text = "\n".join(line.text for line in report(plan, LAPTOP, "x"))
    assert "max_lora_rank=32" in text
    more = planned(dense(**{**fields, "engine": {"enable_lora": True, "max_loras": 32, "max_lora_rank": 64}}))
    assert (more.pools[0].engine["max_lora_rank"], more.pools[0].engine["max_cpu_loras"]) == (64, 32)


def test_an_adapter_is_a_name_to_route_to_and_the_report_shows_it() -> None:
    """Also as the default."""
    plan = planned({**dense(adapters=LEGAL), "graph": {"auto": {"fallback": ["dense:legal", "dense"]}}})
    assert plan.gateway.settings["models"]["dense"]["adapters"] == ["legal"]
    assert planned({**dense(adapters=LEGAL), "default": "dense:legal"}).gateway.settings["default"] == "dense:legal"
    text = "\n".join(line.text for line in report(planned(dense(adapters=LEGAL)), LAPTOP, "x"))
    assert "dense:legal (adapter of dense)" in text


def test_another_adapter_restarts_nothing_where_lora_is_on() -> None:
    """The first one does, because it turns LoRA on."""
    old, new = dense(adapters=LEGAL), dense(adapters={**LEGAL, "math": "org/math"})
    assert [(one.what.partition(":")[0], one.restarts) for one in changes(planned(old), planned(new))] == [
        ("models.dense.adapters", False)
    ]
    first = changes(planned(dense()), planned(old))
    assert [(one.what.partition(":")[0], one.restarts) for one in first] == [
        ("models.dense.engine", True),
        ("models.dense.adapters", False),
    ]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (dense(adapters={"a:b": "org/a"}), 'models.dense.adapters["a:b"]: "a:b" is not a name'),
        (dense(adapters={"a": ""}), "models.dense.adapters.a"),
        (dense(adapters={"a": "/nowhere/at/all"}), 'models.dense.adapters.a: "/nowhere/at/all" is no folder'),
        (dense(adapters={"a": "not an id"}), "neither a folder with an adapter nor a Hugging Face id"),
        (dense(adapters=LEGAL, engine={"enable_lora": False}), "models.dense.engine.enable_lora: is false"),
        (dense(engine={"lora_modules": ["x"]}), "is the pool's `adapters:`"),
        ({**dense(adapters=LEGAL), "default": "dense:leagl"}, "did you mean dense:legal?"),
        ({**dense(), "graph": {"auto": {"fallback": ["dense:x"]}}}, "neither a model nor a graph node"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(raw: dict[str, Any], told: str) -> None:
    """One line each, the way out in it."""
    (line,) = complaints(raw)
    assert told in line


@pytest.mark.parametrize(
    ("fields", "place"), [({"adapters": LEGAL}, "adapters"), ({"engine": {"enable_lora": True}}, "engine.enable_lora")]
)
def test_a_mixture_of_experts_holds_adapters_on_a_gpu_only(fields: dict[str, Any], place: str) -> None:
    """Its engine would end at the first step on a CPU."""
    raw = document(models={"moe": model(family="moe", source="org/moe", **fields)})
    (line,) = complaints(raw)
    assert line.startswith(f"models.moe.{place}: a mixture of experts can hold adapters on a GPU only")
    assert planned(raw, (machine(),)).pools[0].engine["enable_lora"] is True


def test_a_folder_is_looked_into(tmp_path: Path) -> None:
    """A missing file and a rank that the engine would refuse are found before anything starts."""
    folder = adapter_folder(tmp_path / "a", rank=64)
    (line,) = complaints(dense(adapters={"a": folder}))
    assert "has rank 64, more than engine.max_lora_rank (32); raise that" in line
    planned(dense(adapters={"a": folder}, engine={"max_lora_rank": 64}))
    (Path(folder) / "adapter_model.safetensors").unlink()
    (line,) = complaints(dense(adapters={"a": folder}))
    assert "holds no adapter_model.safetensors" in line


def test_a_synthetic_pool_takes_adapters_by_name() -> None:
    """Its source is not loaded, so nothing is asked of theirs."""
    plan = planned(dense(runtime="synthetic", adapters={"a": "/nowhere"}))
    assert plan.gateway.settings["models"]["dense"]["lora"] is True


ADMIN = {"token_env": "TERCET_ADMIN_TOKEN", "adapters_from": ["/srv/adapters"]}


def test_the_token_is_named_and_never_part_of_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it comes from is shown; what it is stays in the environment."""
    monkeypatch.setenv("TERCET_ADMIN_TOKEN", "correct-horse-battery-staple")
    plan = planned({**dense(), "gateway": {"admin": ADMIN}})
    text = "\n".join(line.text for line in report(plan, LAPTOP, "x"))
    assert "admin routes: with the token in TERCET_ADMIN_TOKEN; adapters are loaded from /srv/adapters" in text
    assert "correct-horse" not in text + str(plan)


def test_turning_the_admin_routes_on_restarts_nothing() -> None:
    """It is a setting of the gateway, and each part of it is named."""
    found = changes(planned(dense()), planned({**dense(), "gateway": {"admin": ADMIN}}))
    assert {change.what.partition(":")[0] for change in found} == {f"gateway.admin.{key}" for key in ADMIN}
    assert not any(change.restarts for change in found)


@pytest.mark.parametrize(
    ("admin", "told"),
    [
        ({"token": "secret"}, "gateway.admin.token: is not a known key; did you mean token_env?"),
        ({**ADMIN, "token_file": "/t"}, "gateway.admin: names both token_env and token_file"),
        ({"adapters_from": ["/a"]}, "has adapters_from and no token"),
        ({"token_env": "not a name"}, "gateway.admin.token_env"),
        ({"token_file": "token"}, "gateway.admin.token_file"),
        ({**ADMIN, "adapters_from": ["adapters"]}, "gateway.admin.adapters_from[0]"),
    ],
)
def test_a_guard_that_would_not_hold_is_refused(admin: dict[str, Any], told: str) -> None:
    """Each with its place."""
    (line,) = complaints({**dense(), "gateway": {"admin": admin}})
    assert told in line
    assert "secret" not in line
