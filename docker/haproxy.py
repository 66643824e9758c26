"""Write the command that starts HAProxy into an image, where every user may run it."""

from __future__ import annotations

import sys
from pathlib import Path

from cluster.haproxy import command
from cluster.rendering.pod_environment import HAPROXY


def main(folder: Path) -> None:
    """Write the command into *folder*; fails where there is no HAProxy, or where the chart looks elsewhere."""
    written = command(folder)
    if written != HAPROXY:
        raise SystemExit(f"{written} is not {HAPROXY}, where pods look for it")
    Path(written).chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
