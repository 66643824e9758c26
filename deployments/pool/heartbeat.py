"""A replica's report to the fleet controller, once a second."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import ray

log = logging.getLogger(__name__)


class Heartbeat:
    """Send ``read()`` to one method of the fleet controller until closed.

    A thread of its own, because an engine that loads its model keeps the event loop for tens of seconds and the
    controller must see that stage too. A controller that is away costs reports, never the replica.
    """

    def __init__(
        self,
        controller: tuple[str, str],
        method: str,
        read: Callable[[], Any],
        *,
        interval_s: float = 1.0,
        on_answer: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self._controller = controller
        self._method = method
        self._read = read
        self._interval_s = interval_s
        self._on_answer = on_answer
        self._closing = threading.Event()
        self._last = False
        self._handle: Any = None
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def close(self, *, last: bool = False) -> None:
        """Stop reporting, after one *last* report; waits a few seconds at most for one that is under way."""
        self._last = last
        self._closing.set()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._report()
            self._closing.wait(self._interval_s)
        if self._last:
            self._report()
            self._report()  # what had come together behind a report that was not answered

    def _report(self) -> None:
        try:
            self._handle = self._handle or ray.get_actor(self._controller[0], namespace=self._controller[1])
            answer = getattr(self._handle, self._method).remote(self._read())
            self._on_answer(ray.get(answer, timeout=5.0))
        except (ray.exceptions.RayError, ValueError, TimeoutError) as error:
            log.debug("report not delivered: %s", error)
            self._handle = None
        except Exception:
            # One bad reading must not silence this process for good: the controller would hold the pool for ever.
            log.exception("report_failed method=%s", self._method)
