"""Chiron and HeteroScale by hand."""

from __future__ import annotations

import pytest

from autoscale.backtest.peers.chiron import Chiron
from autoscale.backtest.peers.heteroscale import HeteroScale
from tests.autoscale.backtest.fleets import asked, finished, loaded


@pytest.mark.parametrize(("busy", "expected"), [(4, 6), (3, 4)])
def test_chiron_adds_above_sixty_percent_busy(busy, expected):
    """4 of 5 are 0.8: one more; 3 of 5 are 0.6, which is not above: one less."""
    assert asked(Chiron(), loaded(*[{"running": 1}] * busy, *[{}] * (5 - busy))) == expected


def test_heteroscale_follows_decode_tokens():
    """300 requests of 200 tokens in 30 s are 2,000 tokens/s: two at 1,000 each."""
    rule = HeteroScale()
    asked(rule, loaded({}, demand=finished(0, 0, 200)), 0.0)
    assert asked(rule, loaded({}, demand=finished(300, 100, 200)), 30.0) == 2
