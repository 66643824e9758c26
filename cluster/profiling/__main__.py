"""``python -m cluster.profiling``: measure the engine that its argument, in JSON, specifies, and write its profile."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from autoscale.capacity.profile_file import ProfileError, write_profile
from cluster.profiling.measure import measured
from cluster.profiling.outcome import outcome
from deployments.engines.cpu_settings import replica_environment
from deployments.errors import EngineFailed


def main(text: str) -> int:
    """Measure as *text* says; 0 when the profile is written, 1 with one sentence on what a user can change."""
    order = json.loads(text)
    spec, path = order["spec"], Path(order["output"])
    for name, value in replica_environment(spec["runtime"], pinned=False).items():
        os.environ.setdefault(name, value)
    try:
        seen = asyncio.run(measured(spec, seconds=order["seconds"], progress=_say))
        found = outcome(seen, model=order["model"], hardware=order["hardware"])
        told = f"tercet {version('tercet')} profile, {datetime.now(UTC):%Y-%m-%d}, {order['seconds']:g} s of load"
        write_profile(path, found.profile, source=told)
    except (EngineFailed, ProfileError, ValueError) as error:
        _say(f"error: {error}")
        return 1
    for line in found.lines():
        print(line)  # noqa: T201 - a command line
    print(f"written to {path}")  # noqa: T201
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a command line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
