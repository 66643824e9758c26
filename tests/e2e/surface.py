"""A cluster with everything a client may ask for: tools, images and adapters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from deployments.engines.checkpoints.store import cache_directory, ensure
from tests.e2e.clusters import OneAtATime
from tests.e2e.pictures import Gallery, gallery
from tests.e2e.tiny_lora import tiny_lora
from tests.e2e.trio import READY_WITHIN_S
from tests.e2e.vision_checkpoint import tiny_idefics
from tests.serving import Serving, serving

TOOL_TEMPLATE = Path(__file__).with_name("tools.jinja")
TOKEN_ENV, TOKEN = "TERCET_TEST_TOKEN", "correct-horse-battery-staple"
ADAPTERS = ("first", "second")  # the first is declared, the second there to be loaded
_KV_BYTES = 512 * 2**20


def surface_config(vision: str, adapters: Path, pictures: str) -> dict[str, Any]:
    """Return the document.

    *vision* is the folder of a vision-language checkpoint, *adapters* one of LoRA adapters, *pictures* a host.
    """
    return {
        "models": {
            "dense": {
                "family": "dense",
                "source": "demo/dense",
                "adapters": {"first": str(adapters / "first")},
                "engine": {
                    "kv_cache_memory_bytes": _KV_BYTES,
                    "max_num_seqs": 8,
                    "enable_auto_tool_choice": True,
                    "tool_call_parser": "hermes",
                    "chat_template": str(TOOL_TEMPLATE),
                },
            },
            "vision": {
                "family": "dense",
                "source": vision,
                "media": {"images": 2, "allowed_hosts": [pictures], "max_pixels": 1_000_000},
                "engine": {"kv_cache_memory_bytes": _KV_BYTES},
            },
            "embed": {"family": "pooling", "source": "demo/embedding"},
        },
        "default": "dense",
        "gateway": {"admin": {"token_env": TOKEN_ENV, "adapters_from": [str(adapters)]}},
    }


@pytest.fixture(scope="session")
def pictures() -> Iterator[Gallery]:
    """Hand out pictures from the only host that the surface may ask."""
    with gallery() as one:
        yield one


@pytest.fixture(scope="module")
def surface(clusters: OneAtATime, tmp_path_factory: pytest.TempPathFactory, pictures: Gallery) -> Serving:
    """Serve the surface."""
    return clusters.serving("surface", lambda: _surface(tmp_path_factory.mktemp("surface"), pictures.host))


def _surface(directory: Path, pictures: str) -> AbstractContextManager[Serving]:
    dense = ensure("demo/dense", cache_directory(), lambda _: None)
    vision, adapters = tiny_idefics(directory / "vision", dense), directory / "adapters"
    for seed, name in enumerate(ADAPTERS):
        tiny_lora(dense, adapters / name, seed=seed)
    config = surface_config(vision, adapters, pictures)
    return serving(config, directory, ready_within_s=READY_WITHIN_S, env={TOKEN_ENV: TOKEN})
