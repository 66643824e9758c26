"""Nodes that go away with everything on them, and come back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from zlib import crc32

import numpy as np

from autoscale.sim.agenda import Agenda
from autoscale.sim.machines import Machines
from autoscale.sim.replicas import Replicas
from autoscale.sim.scenario import Scenario

_DAY_S = 86_400.0


def plan_node_failures(scenario: Scenario, machines: Machines, pools: Sequence[Replicas], agenda: Agenda) -> None:
    """Have every node of the inventory fail at random, again and again, as often as the scenario says.

    Replicas of *pools* are replaced in that order.
    """
    if scenario.node_failures_per_day <= 0:
        return
    random = np.random.default_rng([scenario.seed, crc32(b"nodes")])

    def plan(node: str, at_s: float) -> None:
        agenda.at(at_s + random.exponential(_DAY_S / scenario.node_failures_per_day), partial(fail, node))

    def fail(node: str, at_s: float) -> None:
        machines.fail(node)
        for replicas in pools:
            replicas.lose_node(node, at_s)
        agenda.at(at_s + scenario.node_repair_s, partial(repair, node))

    def repair(node: str, at_s: float) -> None:
        machines.repair(node)
        plan(node, at_s)

    for node in machines.nodes:
        plan(node, 0.0)
