"""Debian's ``prometheus`` and ``promtool``, where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def program(name: str) -> str:
    """Return the path of a program of Prometheus; skips where there is none.

    A folder in ``PROMETHEUS_BIN`` is looked into first.
    """
    folder = os.environ.get("PROMETHEUS_BIN")
    found = shutil.which(name, path=folder) if folder else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install prometheus, or set PROMETHEUS_BIN)")
    return found


def promtool(*arguments: str) -> str:
    """Return what promtool prints; fails with what it says is wrong."""
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
