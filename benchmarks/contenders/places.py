"""Where the product's own interpreter lies; the peers' environment lies over it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ROOT / ".venv"


def product_prefix() -> Path:
    """Return the prefix that Tercet and raw vLLM run in, as users run them."""
    return PRODUCT if (PRODUCT / "bin" / "python").exists() else Path(sys.prefix)


def product_python() -> str:
    """Return that prefix's interpreter."""
    return str(product_prefix() / "bin" / "python")


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Yield a directory for logs and sockets; its path is short, because that of a socket may have 97 characters.

    Whoever tells this process to end lets it clean up first: contenders that are paused would otherwise stay for good.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    with TemporaryDirectory(prefix="b-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        yield Path(directory)
