"""The shipped laptop configuration under test, with a node that reads long texts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

from tests.e2e.clusters import OneAtATime
from tests.e2e.long_text import LONG
from tests.serving import Serving, chat, serving

ROOT = Path(__file__).parents[2]
LAPTOP = ROOT / "examples" / "laptop.yaml"
POOLS = ("dense", "moe", "distilled")
READY_WITHIN_S = 900.0

PROMPTS = (
    "What is the capital of France?",
    "Explain in two sentences why the sky is blue.",
    "Write a Python function that returns the factorial of n.",
    "List three uses of copper.",
    "Translate to French: the cat sleeps on the chair.",
    "What is 12 plus 30?",
    "中国的首都是哪里？",
    "用一句话介绍长城。",
    "Who wrote Romeo and Juliet?",
)


def laptop(**engine: Any) -> dict[str, Any]:
    """Return the shipped configuration with *engine* arguments laid over every pool's."""
    config: dict[str, Any] = yaml.safe_load(LAPTOP.read_text())
    for model in config["models"].values():
        model["engine"] = {**model.get("engine", {}), **engine}
    return config


@pytest.fixture(scope="module")
def trio(clusters: OneAtATime, tmp_path_factory: pytest.TempPathFactory) -> Serving:
    """Serve the three models as they are shipped."""
    config = laptop()
    config["graph"]["long"] = LONG
    return clusters.serving(
        "trio", lambda: serving(config, tmp_path_factory.mktemp("trio"), ready_within_s=READY_WITHIN_S)
    )


def greedy_tokens(url: str, pool: str) -> list[list[int]]:
    """Return *pool*'s greedy answers to the prompts, asked all at once, as token ids."""

    def tokens(prompt: str) -> list[int]:
        answer = chat(url, pool, prompt, max_tokens=24, temperature=0, return_token_ids=True)
        assert answer.status_code == 200, answer.text
        ids: list[int] = answer.json()["choices"][0]["token_ids"]
        return ids

    with ThreadPoolExecutor(len(PROMPTS)) as workers:
        return list(workers.map(tokens, PROMPTS))


def client(url: str) -> openai.OpenAI:
    """Return the official client, without its own retries: a failure must be seen."""
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=180)
