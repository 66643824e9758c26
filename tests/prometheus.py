"""Debian's ``prometheus`` and ``promtool``, where they are installed."""

from __future__ import annotations

import os
import shutil

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
