"""Remote models on hosts that the gateway may not call."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.parts import Parts
from cluster.problems import Problem, path_of, shown
from deployments.remote.spec import refusal


def uncallable(parts: Parts) -> Iterator[Problem]:
    """Find remote models whose host the configuration does not name as one to call."""
    if not parts.sound("gateway", "remote_hosts"):
        return
    gateway = parts.raw.get("gateway")
    allowed = gateway.get("remote_hosts") if isinstance(gateway, dict) else None
    for name, model in parts.remotes.items():
        loc = ("models", name, "url")
        if parts.sound(*loc) and (rule := refusal(model.url, tuple(allowed or ()))) is not None:
            yield Problem(path=path_of(loc), message=f"{shown(model.url)} {rule}", value=model.url)
