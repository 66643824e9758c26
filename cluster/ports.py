"""Whether a port can be listened on, and free ones for the parts nobody connects to by name."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence


def in_use(host: str, port: int) -> bool:
    """Say whether another process listens on *port*."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
        return False


def free_ports(names: Sequence[str]) -> dict[str, int]:
    """Return a different free port for each name; all are held until the last is found."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(contextlib.closing(socket.socket())) for _ in names]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}
