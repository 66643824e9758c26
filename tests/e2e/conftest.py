"""What the end-to-end tests share: clusters, each for all the modules that ask for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.clusters import OneAtATime
from tests.e2e.surface import pictures, surface
from tests.e2e.trio import trio
from tests.e2e.variants import variants

__all__ = ["pictures", "surface", "trio", "variants"]

SHARED = ("trio", "variants", "surface")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the tests on each cluster together, so that every one is started once."""
    items.sort(key=_cluster)


def _cluster(item: pytest.Item) -> int:
    asked = getattr(item, "fixturenames", ())
    return next((at for at, name in enumerate(SHARED) if name in asked), -1)


@pytest.fixture(scope="session")
def clusters() -> Iterator[OneAtATime]:
    """The cluster that is served now."""
    one = OneAtATime()
    yield one
    one.close()
