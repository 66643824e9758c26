"""Making the demo checkpoints: each from the package's weights, or from another demo that is made first."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from deployments.engines.checkpoints import scratch
from deployments.engines.checkpoints.progress import Report
from deployments.engines.checkpoints.store import DEMO, locate

MADE_FROM: Mapping[str, tuple[str, ...]] = {"dense": (), "moe": ("dense",), "distilled": ("dense",)}


def make(name: str, cache: Path, report: Report) -> Path:
    """Return the directory of demo *name*, made now if it is not there."""
    target = Path(locate(DEMO + name, cache).path)

    def build(draft: Path) -> None:
        parts = {part: make(part, cache, report) for part in MADE_FROM[name]}
        report(f"building demo/{name}")
        import_module("deployments.engines.checkpoints.models").quieten()
        import_module(f"deployments.engines.checkpoints.{name}").build(draft, parts, report)

    scratch.once(target, build)
    report(f"demo/{name} is in {target}")
    return target
