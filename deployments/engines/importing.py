"""Import a lot, quickly."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector away from the block, and ever after from what it leaves behind.

    What modules are made of stays, and would be walked again and again: while five thousand of them are imported, a
    quarter of the time that vLLM takes; and whenever the engine is built, a second each time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
