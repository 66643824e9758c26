"""Leave when the parent process is gone: whoever was killed cannot tell its children."""

from __future__ import annotations

import os
import threading
from multiprocessing import connection, parent_process


def leave_with_parent() -> None:
    """End this process as soon as the one that started it has ended, however that ended; nothing is cleaned up.

    vLLM's engine core does not notice a parent that was killed and would hold its memory and cores for good.
    """
    parent = parent_process()
    if parent is None:
        return
    threading.Thread(target=_leave_after, args=(parent.sentinel,), name="leave with parent", daemon=True).start()


def _leave_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
