"""How often Python looks for garbage in a process that streams."""

from __future__ import annotations

import gc

# Net new objects before the young ones are looked at, and how often that happens before older ones are looked at, too.
# Several hundred streams are a hundred thousand objects: the defaults (700, 10, 10) walk all of them every few seconds.
THRESHOLDS = (10_000, 50, 5)


def collect_seldom() -> None:
    """Let the collector look seldom: while it walks what lives, every stream of the process stands still.

    What a stream leaves is freed by its reference counts, and cycles are few. What a replica was built of is
    not walked at all: Serve freezes it once the replica is initialised.
    """
    gc.set_threshold(*THRESHOLDS)
