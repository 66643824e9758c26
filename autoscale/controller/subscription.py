"""The fleet controller's last targets, fetched by a thread so that whoever reads them never waits."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

import ray

log = logging.getLogger(__name__)

CONTROLLER_NAME = "tercet-fleet"
INTERVAL_S = 0.5
DEADLINE_S = 2.0
STALE_AFTER_S = 5.0


@functools.cache
def subscribe(namespace: str) -> Subscription:
    """Return this process's one subscription to the controller of *namespace*; it lives as long as the process."""
    return Subscription(namespace)


class Subscription:
    """Fetch the targets every half second; what could not be renewed for some seconds no longer counts."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._last: tuple[float, Mapping[str, int]] | None = None
        threading.Thread(target=self._run, name=f"targets-{namespace}", daemon=True).start()

    def target(self, pool: str) -> int | None:
        """Return the replicas that *pool* should have; ``None`` when nobody has said so lately."""
        last = self._last
        if last is None or time.monotonic() - last[0] > STALE_AFTER_S:
            return None
        return last[1].get(pool)

    def _run(self) -> None:
        controller: Any = None
        while True:
            try:
                controller = controller or ray.get_actor(CONTROLLER_NAME, namespace=self._namespace)
                self._last = (time.monotonic(), ray.get(controller.targets.remote(), timeout=DEADLINE_S))
            except Exception as error:  # noqa: BLE001 - this thread must outlive whatever the controller does
                log.debug("targets_not_fetched reason=%s", error)
                controller = None
            time.sleep(INTERVAL_S)
