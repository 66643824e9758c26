"""Keep a declared application deployed: when a Serve config is handed over, and when once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cluster.declared.serve_api import Standing
from cluster.declared.serve_config import APPLICATION

PAUSE_S = 60.0


class Api(Protocol):
    """What is asked of Serve's REST API."""

    def put(self, config: Mapping[str, Any]) -> None:
        """Hand *config* over."""

    def standings(self) -> dict[str, Standing]:
        """Return the applications that were declared, by name."""


@dataclass(slots=True)
class Following:
    """What was handed over last, and since when it has failed."""

    api: Api
    _deployed: Mapping[str, Any] | None = None
    _failed_s: float | None = None

    def look(self, config: Mapping[str, Any], at_s: float) -> Standing:
        """Hand *config* over if it is another, is lost or has failed for ``PAUSE_S``; return how it is."""
        standing = self.api.standings().get(APPLICATION)
        if config != self._deployed or standing is None:
            self.api.put(config)
            self._deployed, self._failed_s = config, None
            return Standing(status="DEPLOYING")
        if standing.status != "DEPLOY_FAILED":
            self._failed_s = None
        elif self._failed_s is None:
            self._failed_s = at_s
        elif at_s - self._failed_s >= PAUSE_S:
            self._forget(config)
        return standing

    def _forget(self, config: Mapping[str, Any]) -> None:
        """Take the application away, so that the next look finds it lost.

        After three failed starts Serve starts it no more, and takes the same config for nothing new. What the
        application has deployed are applications of their own, and go on.
        """
        self.api.put({**config, "applications": []})
        self._failed_s = None
