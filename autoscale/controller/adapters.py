"""The adapters that were loaded at run time: what each pool should hold, and how far its replicas are."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from deployments.adapters import AdapterOrder, AdapterOutcome, AdapterReport, served_name
from deployments.signals import ReplicaSignals


@dataclass(slots=True)
class RunTimeAdapters:
    """Orders by pool and name. ``serials`` gives a number that no earlier order had, also before a restart."""

    serials: Callable[[], int] = time.time_ns
    _orders: dict[str, dict[str, AdapterOrder]] = field(default_factory=dict)

    def of(self, pool: str) -> Mapping[str, AdapterOrder]:
        """Return what every replica of *pool* should hold beside what its configuration declares."""
        return dict(self._orders.get(pool, {}))

    def plain(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return everything as plain JSON."""
        orders = self._orders.items()
        return {pool: {name: asdict(order) for name, order in named.items()} for pool, named in orders if named}

    def take(self, plain: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Take up what an earlier process had been ordered."""
        self._orders = {
            pool: {name: AdapterOrder(**order) for name, order in named.items()} for pool, named in plain.items()
        }

    def keep_only(self, pools: Collection[str]) -> None:
        """Forget the orders for pools that are not configured any more."""
        self._orders = {pool: named for pool, named in self._orders.items() if pool in pools}

    def load(self, pool: str, name: str, path: str) -> str:
        """Order an adapter; the same order again changes nothing. Return why not, "" where it was ordered."""
        held = self._orders.setdefault(pool, {}).get(name)
        if held is not None and held.path != path:
            return f"{served_name(pool, name)} is loaded from {held.path}; unload it first"
        if held is None:
            self._orders[pool][name] = AdapterOrder(path=path, serial=self.serials())
        return ""

    def unload(self, pool: str, name: str) -> str:
        """Withdraw an order. Return why not, "" where there is one no longer."""
        if self._orders.get(pool, {}).pop(name, None) is None:
            return f"{served_name(pool, name)} was not loaded at run time"
        return ""


def outcome(name: str, order: AdapterOrder | None, ready: Iterable[ReplicaSignals]) -> AdapterOutcome:
    """Say how far the *ready* replicas are with holding what was ordered, or with letting go where nothing is."""
    done, waiting, failures = [], [], {}
    for signals in ready:
        report = next((one for one in signals.adapter_reports if one.name == name), None)
        if _is_done(report, order):
            done.append(signals.replica)
        elif report is not None and order is not None and report.serial == order.serial:
            failures[signals.replica] = report.error
        else:
            waiting.append(signals.replica)
    return AdapterOutcome(done=tuple(done), waiting=tuple(waiting), failures=failures)


def _is_done(report: AdapterReport | None, order: AdapterOrder | None) -> bool:
    if order is None:
        return report is None
    return report is not None and report.serial == order.serial and not report.error
