"""Who takes part in a backtest: the configuration's policies and the peers' rules, by name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel

from autoscale.backtest.contenders import PEERS
from autoscale.policies.compose import compose
from autoscale.policies.grammar import KINDS, parse
from autoscale.policies.schedule import ScheduleSpec
from autoscale.policy import Policy
from autoscale.sim.knee import SIMULATED
from autoscale.spec import AutoscaleSpec

Kind = Literal["policy", "peer", "tuned", "static", "foresight"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """One policy to try; plain data, so that it can be built afresh for every run and in another process.

    A ``peer`` is named ``rule`` among the peers, with ``options`` over its defaults; any other is what ``spec`` says.
    """

    name: str
    kind: Kind
    rule: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    spec: AutoscaleSpec | None = None

    def policy(self) -> Policy:
        """Build it. Raises ValueError where its options do not fit."""
        return compose(self.spec, SIMULATED) if self.spec is not None else PEERS[self.rule].policy(self.options)

    def tuned(self, options: Mapping[str, Any]) -> Entrant:
        """Return the peer with other options, under a name that says them."""
        told = ", ".join(f"{name} {value:g}" for name, value in options.items())
        return replace(self, name=f"{self.rule} ({told})", kind="tuned", options=options)

    @property
    def by_the_clock(self) -> bool:
        """Tell whether hours and days are part of what it decides by."""
        return self.spec is not None and scheduled(self.spec)

    @property
    def told(self) -> str:
        """Return its options as JSON."""
        if self.spec is None:
            return json.dumps(dict(self.options))
        return json.dumps(self.spec.model_dump(mode="json", include={"policy", "hold", "step"}, exclude_unset=True))


def scheduled(value: object) -> bool:
    """Tell whether there is a schedule in a configuration, inside other policies and for single pools included."""
    if isinstance(value, Mapping):
        return any(map(scheduled, value.values()))
    if isinstance(value, tuple):
        return any(map(scheduled, value))
    if isinstance(value, BaseModel):
        return isinstance(value, ScheduleSpec) or any(scheduled(one) for _, one in value)
    return False


def peers() -> tuple[Entrant, ...]:
    """Return every peer at its defaults."""
    return tuple(Entrant(name=name, kind="peer", rule=name) for name in PEERS)


def configured(spec: AutoscaleSpec) -> Entrant:
    """Return what a configuration asks for."""
    return Entrant(name=spec.policy.kind, kind="policy", spec=spec)


def named(names: Iterable[str], spec: AutoscaleSpec) -> tuple[Entrant, ...]:
    """Return policies by name: a kind of policy at its defaults, or a peer. Raises ValueError for any other name."""
    return tuple(_named(name, spec) for name in names)


def _named(name: str, spec: AutoscaleSpec) -> Entrant:
    if name == "config":
        return configured(spec)
    if name in PEERS:
        return Entrant(name=name, kind="peer", rule=name)
    known = ["config", *PEERS, *sorted(kind for kind, options in KINDS.items() if not options.whole)]
    if name not in known:
        near = get_close_matches(name, known, n=1)
        way_out = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        raise ValueError(f"{name!r} is no policy and no peer; {way_out}")
    return Entrant(name=name, kind="policy", spec=spec.model_copy(update={"policy": parse(name), "pools": {}}))
