"""Cores are claimed by one process at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deployments.errors import EngineFailed
from deployments.pool.cores import claim


def test_claims_are_disjoint_until_released(tmp_path: Path) -> None:
    """No core belongs to two replicas, and a released one can be claimed again."""
    first, second = claim(2, range(4), tmp_path), claim(2, range(4), tmp_path)
    assert not set(first.cores) & set(second.cores)
    with pytest.raises(EngineFailed, match="0 of 4 cores are free"):
        claim(1, range(4), tmp_path)
    first.release()
    assert claim(2, range(4), tmp_path).cores == first.cores


def test_a_failed_claim_keeps_nothing(tmp_path: Path) -> None:
    """Asking for too many leaves every core to others."""
    with pytest.raises(EngineFailed):
        claim(5, range(4), tmp_path)
    assert len(claim(4, range(4), tmp_path).cores) == 4


def test_a_process_that_ends_gives_its_cores_back(tmp_path: Path) -> None:
    """A killed replica leaves no stale claim."""
    code = (
        "import os, sys; from pathlib import Path; from deployments.pool.cores import claim; "
        "c = claim(4, range(4), Path(sys.argv[1])); os._exit(9)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    assert ended.returncode == 9
    assert len(claim(4, range(4), tmp_path).cores) == 4
