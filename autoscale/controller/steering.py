"""From what a policy decided to what is done: an operator's pins, the mode, and how gently replicas are given up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from autoscale.controller.pins import Pin, Pins
from autoscale.controller.proposals import Answer, Proposals
from autoscale.controller.releases import Releases
from autoscale.controller.victims import Places
from autoscale.fleet import Fleet
from autoscale.policy import Decision
from autoscale.pools import PoolSettings
from autoscale.spec import AutoscaleSpec
from deployments.strict import nearest

_ANSWERS: Mapping[str, Answer] = {"approve": "approved", "reject": "rejected"}


@dataclass(slots=True)
class Steering:
    """What operators have said, and the sizes that may be published now; a pool without one stays as it is."""

    pins: Pins = field(default_factory=Pins)
    proposals: Proposals = field(default_factory=Proposals)
    releases: Releases = field(default_factory=Releases)
    targets: Mapping[str, int] = field(default_factory=dict)
    brown_out: Mapping[str, float] = field(default_factory=dict)

    def configure(self, settings: Iterable[PoolSettings], spec: AutoscaleSpec) -> None:
        """Follow another configuration: nothing is published until the next decision."""
        self.targets, self.brown_out = {}, {}
        self.pins.keep_only({one.name for one in settings})
        if spec.mode != "approve":
            self.proposals.clear()

    def act(self, fleet: Fleet, decision: Decision, spec: AutoscaleSpec, places: Places) -> None:
        """Work out what to publish; an operator's pin is followed in every mode."""
        wanted = self._allowed(fleet, decision, spec)
        self.targets = self.releases.step(fleet, wanted, places)
        self.brown_out = {name: share for name, share in decision.brown_out.items() if share > 0}
        if spec.mode != "active":
            self.brown_out = {}

    def order(self, action: str, fields: Mapping[str, Any], settings: Collection[PoolSettings], now_s: float) -> str:
        """Do what an operator asks; return why not, "" where it is done.

        ``approve`` and ``reject`` take the ``id`` of a proposal, ``unpin`` a ``pool``, and ``pin`` a ``pool``, its
        ``replicas``, ``for_s`` seconds and ``why``.
        """
        if action in _ANSWERS:
            return self.proposals.answer(str(fields["id"]), _ANSWERS[action], now_s)
        pool = next((one for one in settings if one.name == fields["pool"]), None)
        if pool is None:
            return f"there is no pool {str(fields['pool'])[:100]!r}; {nearest(str(fields['pool']), _names(settings))}"
        if action == "unpin":
            return self.pins.unpin(pool.name)
        until_s = now_s + float(fields["for_s"])
        pin = Pin(replicas=int(fields["replicas"]), set_s=now_s, until_s=until_s, why=str(fields["why"]))
        return self.pins.pin(pool.name, pool.min_replicas, pool.max_replicas, pin)

    def plain(self) -> dict[str, Any]:
        """Return what must outlive this process, as plain JSON."""
        return {"pins": self.pins.plain(), "proposals": self.proposals.plain()}

    def take(self, plain: Mapping[str, Any], now_s: float) -> None:
        """Take up what an earlier process had been told."""
        self.pins.take(plain.get("pins", {}))
        self.proposals.take(plain.get("proposals", []), now_s)

    def _allowed(self, fleet: Fleet, decision: Decision, spec: AutoscaleSpec) -> Mapping[str, int]:
        decided = {name: told.replicas for name, told in decision.pools.items() if name in fleet.pools}
        if spec.mode == "active":
            return decided
        pinned = {name: size for name, size in decided.items() if self.pins.of(name) is not None}
        if spec.mode == "advise":
            return pinned
        free = replace(fleet, pools={name: pool for name, pool in fleet.pools.items() if name not in pinned})
        return {**self.proposals.settle(free, decision, spec.approval), **pinned}


def _names(settings: Iterable[PoolSettings]) -> list[str]:
    return [one.name for one in settings]
