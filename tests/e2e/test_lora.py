"""Adapters on a real engine behind the whole of Tercet: declared, loaded and unloaded while it serves."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.e2e.surface import TOKEN
from tests.serving import Serving, chat, stream

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PROMPTS = [f"Say something about the number {n}." for n in range(4)]


def change(surface: Serving, verb: str, name: str, **body: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {TOKEN}"}
    url = f"{surface.url}/v1/{verb}_lora_adapter"
    return httpx.post(url, json={"lora_name": name, **body}, headers=headers, timeout=150)


def said(surface: Serving, model: str, prompt: str) -> str:
    """Return the greedy answer of *model*, which must name itself."""
    told = chat(surface.url, model, prompt, max_tokens=8, temperature=0, ignore_eos=True)
    assert told.status_code == 200, told.text
    assert told.json()["model"] == told.headers["x-tercet-model"] == model
    return str(told.json()["choices"][0]["message"]["content"])


def test_a_declared_adapter_answers_beside_its_model(surface: Serving) -> None:
    """Asked in one batch, each prompt has another answer with the adapter than without."""
    asked = [(model, prompt) for prompt in PROMPTS for model in ("dense", "dense:first")]
    with ThreadPoolExecutor(len(asked)) as workers:
        answers = list(workers.map(lambda one: said(surface, *one), asked))
    assert all(plain != adapted for plain, adapted in zip(answers[::2], answers[1::2], strict=True))
    streamed = stream(surface.url, "dense:first", PROMPTS[0], max_tokens=8, temperature=0)
    assert {json.loads(event)["model"] for event in streamed[:-1]} == {"dense:first"}


def test_an_adapter_comes_and_goes_while_the_engine_serves(surface: Serving) -> None:
    """Loaded by its folder over HTTP it is a model at once, and unloaded it is none; the engine is the same process."""
    folder = surface.file.parent / "adapters" / "second"
    engines = {engine.pid for engine in surface.engine_cores()}
    assert chat(surface.url, "dense:second", "hi").status_code == 404
    loaded = change(surface, "load", "dense:second", lora_path=str(folder))
    assert loaded.status_code == 200, loaded.text
    listed = {one["id"]: one for one in httpx.get(f"{surface.url}/v1/models", timeout=10).json()["data"]}
    assert listed["dense:second"]["parent"] == "dense"
    answers = {said(surface, model, PROMPTS[0]) for model in ("dense", "dense:first", "dense:second")}
    assert len(answers) == 3
    assert change(surface, "unload", "dense:second").status_code == 200
    assert chat(surface.url, "dense:second", "hi").status_code == 404
    assert {engine.pid for engine in surface.engine_cores()} == engines


def test_what_is_no_adapter_is_told_and_the_engine_goes_on(surface: Serving) -> None:
    """With the replica that said so, and without a trace of the attempt."""
    empty = surface.file.parent / "adapters" / "empty"
    empty.mkdir()
    told = change(surface, "load", "dense:empty", lora_path=str(empty))
    assert told.status_code == 400
    assert "adapter_config.json" in told.json()["error"]["message"]
    assert said(surface, "dense", PROMPTS[0])


def test_an_adapter_does_not_answer_in_the_background(surface: Serving) -> None:
    """It could be unloaded before the answer is made; the model itself does, and the adapter does without it."""
    asked = {"input": PROMPTS[0], "max_output_tokens": 4, "temperature": 0}

    def status(**more: Any) -> int:
        return httpx.post(f"{surface.url}/v1/responses", json=asked | more, timeout=60).status_code

    told = httpx.post(
        f"{surface.url}/v1/responses", json=asked | {"model": "dense:first", "background": True}, timeout=60
    )
    assert told.status_code == 400, told.text
    assert told.json()["error"]["param"] == "background"
    assert status(model="dense:first") == status(model="dense", background=True) == 200
