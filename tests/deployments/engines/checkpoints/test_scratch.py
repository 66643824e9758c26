"""One build however many start, and never half a checkpoint."""

import threading
from pathlib import Path

import pytest

from deployments.engines.checkpoints.progress import CheckpointError
from deployments.engines.checkpoints.scratch import once


def test_concurrent_starts_build_once(tmp_path: Path) -> None:
    """Whoever comes second waits and finds it done."""
    built = []

    def build(draft: Path) -> None:
        built.append(draft)
        (draft / "config.json").write_text("{}")

    threads = [threading.Thread(target=once, args=(tmp_path / "model", build, 30.0)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(built) == 1
    assert (tmp_path / "model" / "config.json").exists()


def test_a_build_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    """The scratch directory goes, the target never appears, and the next build can succeed."""

    def broken(draft: Path) -> None:
        (draft / "config.json").write_text("{}")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        once(tmp_path / "model", broken)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []
    once(tmp_path / "model", lambda draft: (draft / "config.json").write_text("{}") and None)
    assert (tmp_path / "model" / "config.json").exists()


def test_a_lock_that_is_never_freed_is_named(tmp_path: Path) -> None:
    """Waiting for another builder has a deadline and says what to do."""
    entered, leave = threading.Event(), threading.Event()

    def slow(draft: Path) -> None:
        (draft / "config.json").write_text("{}")
        entered.set()
        leave.wait(30)

    other = threading.Thread(target=once, args=(tmp_path / "model", slow))
    other.start()
    try:
        assert entered.wait(30)
        with pytest.raises(CheckpointError, match="another process has been building"):
            once(tmp_path / "model", slow, 0.05)
    finally:
        leave.set()
        other.join(timeout=30)
