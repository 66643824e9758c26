"""Wait, until one moment, for what a rollout has set going."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cluster.obstacles import CannotServeError
from cluster.spread import HEARD_WITHIN_S, Spread, spread_of

POLL_S = 0.25
FAILURES_S = 2.0  # Serve's whole state takes milliseconds of CPU for each deployment, which starting engines want
QUIET_S = 3.0  # a gateway reports once a second


class Watched(Protocol):
    """What a cluster says of itself; each raises CannotServeError where nobody answers."""

    def failures(self) -> Mapping[str, str]:
        """Return, by pool, why one could not be started."""

    def status(self) -> Mapping[str, Any]:
        """Return the fleet controller's status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Looks at one cluster until ``until_s`` by ``clock``; a controller that is busy is asked again."""

    cluster: Watched
    until_s: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def replicas(self, names: Collection[str]) -> frozenset[str]:
        """Return the replicas that the pools of *names* have now, whatever their stage."""
        while True:
            try:
                pools = self.cluster.status()["pools"]
            except CannotServeError:
                if self._over():
                    raise
            else:
                return frozenset(one["replica"] for name in names for one in pools.get(name, {}).get("replicas", ()))

    def ready(self, names: Sequence[str], before: Collection[str] = ()) -> str:
        """Wait until each pool has a ready replica that is not one of *before*; return what is wrong, "" for nothing.

        A pool that Serve has given up is not ready, whatever else it still has.
        """
        looked_s = -math.inf
        while names:
            pools = self._pools()
            waiting = [name for name in names if not _ready(pools.get(name, {}), before)]
            if not waiting or self.clock() - looked_s >= FAILURES_S:
                failed, looked_s = self._failures(), self.clock()
                broken = next((name for name in names if name in failed), None)
                if broken is not None:
                    return f"{broken}: {failed[broken]}"
            if not waiting:
                break
            if self._over():
                return f"{', '.join(waiting)} had no replica ready in time"
        return ""

    def told_of(self, names: Collection[str]) -> None:
        """Wait until every gateway that speaks has been told of the pools of *names*."""
        known_s: float | None = None
        while True:
            status = self._status()
            pools = status["pools"]
            if known_s is None and all(_deployed(pools.get(name, {})) for name in names):
                known_s = self.clock()
            ages = [one["age_s"] for one in status["gateways"] if one["age_s"] <= HEARD_WITHIN_S]
            if known_s is not None and pools and all(age_s < self.clock() - known_s for age_s in ages):
                return
            if self._over():
                return

    def gateways(self, wanted: int, settings: str) -> Spread:
        """Wait until *wanted* gateways have *settings* and none has another; return how far they have come."""
        while True:
            spread = spread_of(self._status(), wanted, settings)
            if spread.complete or self._over():
                return spread

    def quiet(self, names: Collection[str]) -> None:
        """Wait until no gateway has had a request under way to the pools of *names* for a while."""
        quiet_since_s: float | None = None
        while True:
            pools = self._pools()
            if not pools or any(pools.get(name, {}).get("in_flight") for name in names):
                quiet_since_s = None
            elif quiet_since_s is None:
                quiet_since_s = self.clock()
            elif self.clock() - quiet_since_s >= QUIET_S:
                return
            if self._over():
                return

    def _over(self) -> bool:
        """Say whether the time is over, or pause before the next look."""
        if self.clock() >= self.until_s:
            return True
        self.sleep(POLL_S)
        return False

    def _status(self) -> Mapping[str, Any]:
        try:
            return self.cluster.status()
        except CannotServeError:
            return {"pools": {}, "gateways": []}

    def _pools(self) -> Mapping[str, Any]:
        pools: Mapping[str, Any] = self._status()["pools"]
        return pools

    def _failures(self) -> Mapping[str, str]:
        try:
            return self.cluster.failures()
        except CannotServeError:
            return {}


def _ready(pool: Mapping[str, Any], before: Collection[str]) -> bool:
    return any(one["stage"] == "ready" and one["replica"] not in before for one in pool.get("replicas", ()))


def _deployed(pool: Mapping[str, Any]) -> bool:
    """Say whether Serve has the pool, and so the controller tells gateways of it: only then is its demand known."""
    return pool.get("in_flight") is not None
