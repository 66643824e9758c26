"""Weights are in the page cache before the engine asks for them."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

import pytest

from deployments.engines import read_ahead as module
from deployments.engines.read_ahead import read_ahead
from tests.serving import until

SIZE = 4 * 2**20


def written(folder: Path) -> Path:
    """Write weights and let them go from the page cache."""
    file = folder / "model.safetensors"
    file.write_bytes(os.urandom(SIZE))
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if cached(file):
        pytest.skip("this file system keeps its files in memory")
    return file


def cached(file: Path) -> bool:
    """Say whether every page is in memory; to read one would bring it there."""
    libc = ctypes.CDLL(None, use_errno=True)
    pages = (ctypes.c_ubyte * (SIZE // mmap.PAGESIZE))()
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), SIZE, flags=mmap.MAP_PRIVATE) as mapped:
        start = ctypes.c_char.from_buffer(mapped)
        failed = libc.mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(SIZE), pages)
        del start  # holds the mapping open
    assert not failed, os.strerror(ctypes.get_errno())
    return all(page & 1 for page in pages)


def test_weights_are_read_without_being_asked_for(tmp_path: Path) -> None:
    """All of them, in the background."""
    file = written(tmp_path)
    read_ahead(str(tmp_path))
    until(lambda: cached(file), within_s=30, what="the weights are in the page cache")


def test_weights_that_would_fill_the_memory_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would only push each other out."""
    file = written(tmp_path)
    monkeypatch.setattr(module, "SHARE_OF_MEMORY", 0.0)
    monkeypatch.setattr(module, "_wanted", lambda files: pytest.fail(f"read {files}"))
    read_ahead(str(tmp_path))
    assert not cached(file)


def test_a_checkpoint_of_a_hub_is_nothing_to_read() -> None:
    """Its name is no folder."""
    read_ahead("org/model")
