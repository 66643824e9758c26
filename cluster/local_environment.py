"""The environment of a cluster on this machine: Serve's settings with free ports, and Ray's token."""

from __future__ import annotations

import resource
import secrets
from pathlib import Path

from cluster.environment import serving_environment
from cluster.haproxy import command
from cluster.ports import free_ports

MAX_CONNECTIONS = 20_000
_PORT_NAMES = ("fallback_http", "fallback_grpc", "haproxy_stats", "haproxy_metrics")


def environment(directory: Path, *, longest_s: float) -> dict[str, str]:
    """Return the Ray Serve environment for a cluster on this machine whose longest answers take *longest_s*."""
    return serving_environment(
        state_dir=directory,
        haproxy=command(directory / "haproxy"),
        max_connections=_max_connections(),
        longest_s=longest_s,
        ports=free_ports(_PORT_NAMES),
    )


def credentials(directory: Path, *, fresh: bool) -> dict[str, str]:
    """Return what makes Ray ask for this cluster's token; its ports run any code that reaches them unasked."""
    token = directory / "ray-token"
    if fresh:
        token.unlink(missing_ok=True)
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}


def _max_connections() -> int:
    """Return how many connections HAProxy may be told of: it opens about two and a half files for each."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if hard == resource.RLIM_INFINITY else max(1000, min(MAX_CONNECTIONS, (hard - 1000) // 3))
