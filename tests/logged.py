"""What this product logs, for the length of a block."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from deployments.telemetry.logs import OURS, configure


@contextmanager
def captured() -> Iterator[io.StringIO]:
    """Yield a stream of the lines, and leave the loggers as they were."""
    loggers = [logging.getLogger(name) for name in OURS]
    before = [(one.handlers[:], one.level, one.propagate) for one in loggers]
    lines = io.StringIO()
    configure(lines)
    try:
        yield lines
    finally:
        for one, (handlers, level, propagate) in zip(loggers, before, strict=True):
            one.handlers[:], one.propagate = handlers, propagate
            one.setLevel(level)
