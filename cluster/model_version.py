"""A short name for what a pool's engines are told to load, by which answers of one model are told from another's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from cluster.config import ModelSpec

LENGTH = 16
_MOST_FILES = 10_000
# All of a section that an answer's text may depend on.
_LOADED = frozenset({"family", "source", "runtime", "engine", "adapters", "media", "synthetic"})


def version_of(model: ModelSpec) -> str:
    """Return what changes with the section, and with the files of a folder that it names.

    Weights are not read: a file that was replaced is known by its size and the time of its last change. Engines that
    run already have what was there when they started.
    """
    told = model.model_dump(mode="json", include=set(_LOADED))
    folders = [model.source, *model.adapters.values()]
    found = [list(_files(Path(source).expanduser())) for source in folders if source.startswith(("/", ".", "~"))]
    return hashlib.sha256(json.dumps([told, found], sort_keys=True).encode()).hexdigest()[:LENGTH]


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    try:
        paths = sorted(islice(folder.iterdir(), _MOST_FILES))
    except OSError:
        return
    for path in paths:
        try:
            state = path.stat()
        except OSError:
            continue
        yield path.name, state.st_size, state.st_mtime_ns
