"""Which replicas Serve will stop when a pool's target falls: it asks nobody, so the order is worked out beforehand.

As in Ray 2.60's ``DeploymentScheduler._get_replicas_to_stop``: first whatever is not running yet, in no order; then by
machine, those without Ray's head first, and the ones with the fewest running Serve replicas of any application; on one
machine the newest first. Machines that tie are taken in an order of Serve's own, which is only guessed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from autoscale.fleet import ReplicaFleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The machine of each running replica, how many of all applications each machine runs, and the head's id."""

    nodes: Mapping[str, str] = field(default_factory=dict)
    crowd: Mapping[str, int] = field(default_factory=dict)
    head: str = ""


def stopping_order(replicas: Iterable[ReplicaFleet], places: Places) -> list[ReplicaFleet]:
    """Return the ready ones among *replicas*, first the one that Serve stops first."""
    ready = [one for one in replicas if one.stage == "ready"][::-1]  # of equally old ones, the one listed last
    oldest: dict[str, float] = {}
    for one in ready:
        node = places.nodes.get(one.replica, "")
        oldest[node] = min(oldest.get(node, one.since_s), one.since_s)
    crowd = places.crowd or Counter(places.nodes.get(one.replica, "") for one in ready)

    def order(one: ReplicaFleet) -> tuple[bool, int, float, str, float]:
        node = places.nodes.get(one.replica, "")
        return node == places.head, crowd.get(node, 0), oldest[node], node, -one.since_s

    return sorted(ready, key=order)
