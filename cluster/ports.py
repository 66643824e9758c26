"""Whether a port can be listened on, and free ones for the parts nobody connects to by name."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Sequence


def obstacle(host: str, port: int) -> str | None:
    """Say in one sentence, with the way out, why *port* cannot be listened on; None when it can."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with contextlib.closing(socket.socket(family, kind, proto)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return (
                f"port {port} on {host} is taken by another program: "
                "stop that program, or choose another gateway.port (or `--port`)."
            )
        return f"{host}:{port} cannot be listened on ({error.strerror}): choose another gateway.host or gateway.port."
    return None


def free_ports(names: Sequence[str]) -> dict[str, int]:
    """Return a different free port for each name; all are held until the last is found."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(contextlib.closing(socket.socket())) for _ in names]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}
