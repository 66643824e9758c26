"""Variants of the demo models in one cluster: in float32, quantised, and with a draft."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.clusters import OneAtATime
from tests.e2e.trio import READY_WITHIN_S, laptop
from tests.serving import Serving, serving

_SMALL = {"kv_cache_memory_bytes": 2**29, "max_model_len": 2048}
_DRAFT = {"model": "demo/distilled", "num_speculative_tokens": 3}


def variants_config() -> dict[str, Any]:
    """Return the document: the laptop's pools in float32, of which dense has a draft, and one in eight bits."""
    pools = laptop(dtype="float32", **_SMALL)["models"]
    drafted = pools.pop("dense")
    drafted["engine"]["speculative_config"] = _DRAFT
    int8 = {"family": "dense", "source": "demo/dense-int8", "engine": _SMALL}
    return {"models": {**pools, "drafted": drafted, "dense-int8": int8}, "default": "dense-int8"}


@pytest.fixture(scope="module")
def variants(clusters: OneAtATime, tmp_path_factory: pytest.TempPathFactory) -> Serving:
    """Serve the variants."""
    return clusters.serving(
        "variants",
        lambda: serving(variants_config(), tmp_path_factory.mktemp("variants"), ready_within_s=READY_WITHIN_S),
    )
