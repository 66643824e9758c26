"""Tercet asks for replicas and Ray for machines: with Ray's own autoscaler, machines come with work and go after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.lifecycle.deployment import answers
from tests.autoscaled import Autoscaled, autoscaled
from tests.crowd import crowd
from tests.integration.cluster import eventually
from tests.integration.two_machines import two_machines

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

CPUS = 2


def test_machines_come_with_replicas_and_go_after_them(tmp_path: Path) -> None:
    """From no machine to one and two, and back to one; nobody is refused, and no answer is cut."""
    with autoscaled(two_machines(CPUS), tmp_path, cpus=CPUS, most=2) as one:
        _becomes(one, (1, 1), within_s=70)
        eventually(lambda: answers(one.url), bool, within_s=20)
        with crowd(one.url, "dense", clients=8) as clients:
            _becomes(one, (2, 2), within_s=60)
        assert (clients.failures, clients.lost) == ([], 0)
        # Serve's proxy stays for half a minute where replicas were, and the machine with it.
        _becomes(one, (1, 1), within_s=90)


def _becomes(one: Autoscaled, ready_and_machines: tuple[int, int], *, within_s: float) -> None:
    """Wait for so many ready replicas, and machines beside the head."""
    eventually(lambda: _counted(one), lambda seen: seen == ready_and_machines, within_s=within_s)


def _counted(one: Autoscaled) -> tuple[int, int] | None:
    status = one.status()
    if status is None or status["machines"] is None:
        return None
    return status["pools"]["dense"]["stages"].get("ready", 0), len(status["machines"]) - 1
