"""Tercet itself: one pool behind one gateway, everything else as it ships."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.contenders.places import product_prefix
from benchmarks.contenders.server import Launch


def document(pool: Mapping[str, Any], *, waiting: int = 1024) -> dict[str, Any]:
    """Return a Tercet document of the one pool ``dense``."""
    return {
        "models": {"dense": {"family": "dense", "replicas": {"min": 1, "max": 1}, "max_waiting": waiting, **pool}},
    }


def launch(pool: Mapping[str, Any], port: int, directory: Path, *, name: str = "tercet") -> Launch:
    """Return how ``tercet serve`` is started with *pool*."""
    file = directory / f"tercet-{port}.yaml"
    file.write_text(yaml.safe_dump(document(pool)))
    command = [str(product_prefix() / "bin" / "tercet"), "serve", str(file), "--port", str(port)]
    return Launch(name=name, command=command, port=port, model="dense")
