"""The shipped laptop configuration under test, as is or in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import yaml

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


def client(url: str) -> openai.OpenAI:
    """Return the official client, without its own retries: a failure must be seen."""
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=180)
