"""Serve's REST API, as far as a declared cluster needs it: hand a config over, and ask how its applications are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from cluster.failure import cause
from cluster.obstacles import CannotServeError

_PATH = "/api/serve/applications/"
_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one declared application is, and why where it is not well."""

    status: str
    reason: str = ""


class ServeApi:
    """The API of the head at *address*; *token* is the one that Ray asks for, if it asks for one."""

    def __init__(self, address: str, token: str | None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=address, headers=headers, timeout=_DEADLINE_S)

    def put(self, config: Mapping[str, Any]) -> None:
        """Hand *config* over; Serve takes it up on its own from there."""
        self._answered("PUT", json=dict(config))

    def standings(self) -> dict[str, Standing]:
        """Return the applications that were declared, by name."""
        found = self._answered("GET", params={"api_type": "declarative"}).json()["applications"]
        return {name: _standing(one) for name, one in found.items()}

    def _answered(self, method: str, **request: Any) -> httpx.Response:
        try:
            response = self._client.request(method, _PATH, **request)
        except httpx.HTTPError as error:
            raise CannotServeError(f"Serve's API at {self._client.base_url} does not answer: {error}") from error
        if response.status_code != HTTPStatus.OK:
            said = cause(response.text)
            raise CannotServeError(f"Serve's API refuses the config ({response.status_code}): {said}")
        return response


def _standing(told: Mapping[str, Any]) -> Standing:
    reasons = [one.get("message") for one in told.get("deployments", {}).values()]
    report = next((reason for reason in reasons if reason), told.get("message") or "")
    status = str(told["status"])
    return Standing(status=status, reason="" if status == "RUNNING" or not report else cause(report))
