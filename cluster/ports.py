"""Whether a port can be listened on, and free ones for the parts nobody connects to by name."""

from __future__ import annotations

import contextlib
import errno
import random
import socket
from collections.abc import Iterator, Sequence

# Ray's workers listen from 10002 on, and Linux gives outgoing connections ports from 32768 on.
_CHOICES = range(20_000, 32_000)


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
    """Return a different free port for each name; all are held until the last is found.

    They lie below the ports that the system gives to outgoing connections: seconds pass before they are used, and a
    starting Ray opens hundreds. Raises OSError where there are none.
    """
    choices = iter(random.SystemRandom().sample(_CHOICES, len(_CHOICES)))
    with contextlib.ExitStack() as held:
        return {name: held.enter_context(_held(choices)).getsockname()[1] for name in names}


@contextlib.contextmanager
def _held(choices: Iterator[int]) -> Iterator[socket.socket]:
    """Yield a socket that holds the first free one of *choices*."""
    with contextlib.closing(socket.socket()) as one:
        for port in choices:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            yield one
            return
        raise OSError(errno.EADDRINUSE, f"no port from {_CHOICES.start} to {_CHOICES.stop - 1} is free")
