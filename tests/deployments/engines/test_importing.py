"""What stays is not walked by the garbage collector."""

from __future__ import annotations

import gc

import pytest

from deployments.engines.importing import uncollected


@pytest.mark.parametrize("enabled", [True, False])
def test_what_was_made_in_the_block_is_frozen_and_the_collector_as_it_was(enabled: bool) -> None:
    """Off inside, and on again only where it was on."""
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with uncollected():
            assert not gc.isenabled()
            made = [[] for _ in range(1_000)]
        assert gc.isenabled() is enabled
        assert gc.get_freeze_count() >= len(made)
    finally:
        gc.unfreeze()
        (gc.enable if before else gc.disable)()
