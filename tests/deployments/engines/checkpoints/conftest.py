"""Fix the thread count: sums in another order round differently."""

import sys

import pytest


@pytest.fixture(autouse=True)
def two_threads() -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(2)
