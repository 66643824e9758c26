"""A gateway that other machines reach with nothing that says who may call it, and a port that is wanted twice."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.parts import Parts, mapping
from cluster.problems import Problem, shown
from deployments.remote.spec import is_loopback


def exposed(parts: Parts) -> Iterator[Problem]:
    """Find an address that lets other machines in where nobody is asked who it is, and one for two."""
    gateway = mapping(parts.raw.get("gateway"))
    host = gateway.get("host")
    if parts.raw.get("access") is None and isinstance(host, str) and not is_loopback(host):
        rule = (
            f"{shown(host)} lets other machines in, and nothing says who may call; add `access` with a store and "
            "`tenants`, or leave the host out for this machine alone, or say `access: {open: true}`"
        )
        yield Problem(path="gateway.host", message=rule, value=host)
    port = mapping(gateway.get("admin")).get("port")
    if port is not None and port == gateway.get("port", 8000):
        rule = f"{shown(port)} is where clients are answered; choose another, or leave it out"
        yield Problem(path="gateway.admin.port", message=rule, value=port)
