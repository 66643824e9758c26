"""The orders to forget answers: every gateway is given those that it has not carried out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from autoscale.heard import Heard
from deployments.answers.kept import MOST_S
from deployments.answers.orders import By, Forgetting, Forgotten
from deployments.signals import GatewaySignals

# A machine that comes later may have answers from before on its disk: orders are kept as long as answers can be.
MOST_ORDERS = 10_000


@dataclass(slots=True)
class Forgettings:
    """The last order for each name. ``serials`` gives Unix time in nanoseconds."""

    serials: Callable[[], int] = time.time_ns
    _orders: dict[tuple[By, str], Forgetting] = field(default_factory=dict)
    _last: int = 0

    def order(self, by: By, name: str) -> Forgetting:
        """Have the answers of one name forgotten."""
        self._last = max(self._last + 1, self.serials())
        self._orders.pop((by, name), None)
        found = self._orders[by, name] = Forgetting(number=self._last, by=by, name=name)
        self._prune()
        return found

    def after(self, number: int) -> tuple[Forgetting, ...]:
        """Return the orders later than *number*, the earliest first."""
        return tuple(one for one in self._orders.values() if one.number > number) if self._last > number else ()

    def plain(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {"orders": [[one.number, one.by, one.name] for one in self._orders.values()]}

    def take(self, plain: Mapping[str, Any]) -> None:
        """Take up what an earlier process had been ordered."""
        every = (Forgetting(number=number, by=by, name=name) for number, by, name in plain.get("orders", ()))
        self._orders = {(one.by, one.name): one for one in every}
        self._last = max((one.number for one in self._orders.values()), default=0)

    def _prune(self) -> None:
        first = self._last - int(MOST_S * 1e9)
        for key, one in list(self._orders.items()):
            if one.number >= first and len(self._orders) <= MOST_ORDERS:
                break
            del self._orders[key]


def progress(number: int, gateways: Mapping[str, Heard[GatewaySignals]]) -> Forgotten:
    """Say which *gateways* have carried an order out, by their last words."""
    done = {name: heard.signals.forgotten >= number for name, heard in gateways.items()}
    return Forgotten(
        done=tuple(sorted(name for name in done if done[name])),
        waiting=tuple(sorted(name for name in done if not done[name])),
    )
