"""Serve's rules around a policy."""

from __future__ import annotations

import pytest

from autoscale.sim.serve import serve_target


@pytest.mark.parametrize(
    ("asked", "current", "running", "requests", "target"),
    [
        pytest.param(5, 2, 2, 9, 5, id="what the policy asks for"),
        pytest.param(99, 2, 2, 9, 8, id="at most the maximum"),
        pytest.param(0, 1, 1, 0, 0, id="an idle pool of one goes to zero"),
        pytest.param(0, 3, 3, 0, 1, id="a larger one passes through one"),
        pytest.param(0, 1, 1, 2, 1, id="a pool with requests stays"),
        pytest.param(0, 0, 0, 1, 1, id="a request starts the first replica"),
        pytest.param(6, 1, 0, 50, 1, id="the policy is not asked while the first one loads"),
        pytest.param(6, 4, 0, 50, 4, id="nor after all were lost"),
        pytest.param(6, 0, 0, 0, 6, id="without requests it may start ahead of them"),
    ],
)
def test_serve_targets(asked, current, running, requests, target):
    """Each rule by itself."""
    found = serve_target(
        asked, current=current, running=running, requests=requests, min_replicas=0, max_replicas=8
    )  # fmt: skip
    assert found == target


def test_the_minimum_holds():
    """Whatever is asked."""
    assert serve_target(0, current=2, running=2, requests=0, min_replicas=2, max_replicas=8) == 2
