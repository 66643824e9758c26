"""The stores that keys and accounts are kept in, as configured: a file, and a real Redis server."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.deployments.tenancy.conftest import redis_url

__all__ = ["redis_url"]


@pytest.fixture
def file_store(tmp_path: Path) -> dict[str, Any]:
    """Return a file that nothing is in."""
    return {"sqlite": str(tmp_path / "accounts.sqlite"), "timeout": 2}


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return an empty store of either kind."""
    if request.param == "sqlite":
        found: dict[str, Any] = request.getfixturevalue("file_store")
        return found
    return {"redis": {"url": request.getfixturevalue("redis_url"), "prefix": uuid4().hex}, "timeout": 2}
