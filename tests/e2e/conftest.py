"""What the end-to-end tests share: one cluster for the whole surface."""

from __future__ import annotations

import pytest

from tests.e2e.surface import pictures, surface

__all__ = ["pictures", "surface"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests on the shared cluster last, so that it never runs beside another test's cluster."""
    items.sort(key=lambda item: "surface" in getattr(item, "fixturenames", ()))
