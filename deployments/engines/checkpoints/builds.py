"""Making the demo checkpoints: each from the package's weights, or from another demo that is made first."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path

from deployments.engines.checkpoints import scratch
from deployments.engines.checkpoints.progress import Report
from deployments.engines.checkpoints.store import DEMO, locate

MADE_FROM: Mapping[str, tuple[str, ...]] = {
    "dense": (), "moe": ("dense",), "distilled": ("dense",),
    "dense-int8": ("dense",), "dense-int4": ("dense",),
}  # fmt: skip


def make(name: str, cache: Path, report: Report) -> Path:
    """Return the directory of demo *name*, made now if it is not there."""
    target = Path(locate(DEMO + name, cache).path)

    def build(draft: Path) -> None:
        parts = {part: make(part, cache, report) for part in MADE_FROM[name]}
        report(f"building demo/{name}")
        import_module("deployments.engines.checkpoints.models").quieten()
        _builder(name)(draft, parts, report)

    scratch.once(target, build)
    report(f"demo/{name} is in {target}")
    return target


def _builder(name: str) -> Callable[[Path, Mapping[str, Path], Report], None]:
    """Return what writes the demo, imported now: a scheme after the name is how it is quantised."""
    _, quantised, scheme = name.partition("-")
    if quantised:
        return partial(import_module("deployments.engines.checkpoints.quantized").build, scheme=scheme)
    build: Callable[[Path, Mapping[str, Path], Report], None]
    build = import_module(f"deployments.engines.checkpoints.{name}").build
    return build
