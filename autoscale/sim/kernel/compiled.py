"""What Python calls of the compiled code; the machine code is kept from run to run.

Numba keeps it beside the sources, or in the user's cache directory where those are read-only (``NUMBA_CACHE_DIR``
names another place); where it may write nowhere, every process compiles anew. It looks for changes in the file of the
called function alone, so each one here closes over a digest of all of them and of the rules that they compile.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from numba import njit

import deployments.scheduling
from autoscale.sim.kernel import advance, leaving, reading


class Kernel(NamedTuple):
    """The compiled functions."""

    run: Callable[..., tuple[int, int]]
    empty: Callable[..., None]
    send_held: Callable[..., None]
    read: Callable[..., None]


def _digest() -> str:
    rules = Path(deployments.scheduling.__file__).parent
    files = [path for folder in (Path(__file__).parent, rules) for path in sorted(folder.glob("*.py"))]
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _kept(function: Callable[..., Any]) -> Callable[..., Any]:
    try:
        return njit(cache=True)(function)
    except RuntimeError:  # no directory to write to
        return njit(function)


def _compile(sources: str) -> Kernel:
    @_kept
    def run(
        pools: Any, replicas: Any, ready: Any, events: Any, requests: Any, heaps: Any, crossings: Any, engines: Any,
        results: Any, windows: Any, window_s: float, t_s: Any, prompt: Any, output: Any, cached: Any, origin: Any,
        at: int, end: int, until_s: float,
    ) -> Any:  # fmt: skip
        _ = sources
        return advance.run(
            pools[0], replicas, ready, events, requests, heaps, crossings, engines[0], results, windows, window_s,
            t_s, prompt, output, cached, origin, at, end, until_s,
        )  # fmt: skip

    @_kept
    def empty(
        pools: Any, replicas: Any, _ready: Any, events: Any, requests: Any, heaps: Any, crossings: Any, engines: Any,
        results: Any, which: int, cut: bool, at_s: float,
    ) -> None:  # fmt: skip
        _ = sources
        leaving.empty(
            pools[0], replicas, which, events, requests, heaps, crossings, engines[0], results, cut, at_s
        )  # fmt: skip

    @_kept
    def send_held(
        pools: Any, replicas: Any, ready: Any, events: Any, requests: Any, heaps: Any, crossings: Any, engines: Any,
        results: Any, at_s: float,
    ) -> None:  # fmt: skip
        _ = sources
        leaving.send_held(
            pools[0], replicas, ready, events, requests, heaps, crossings, engines[0], results, at_s
        )  # fmt: skip

    @_kept
    def read(
        pools: Any, replicas: Any, crossings: Any, engines: Any, live: Any, count: int, at_s: float, told: Any,
        known: Any,
    ) -> None:  # fmt: skip
        _ = sources
        reading.read(pools[0], replicas, crossings, engines[0], live, count, at_s, told, known)

    return Kernel(run=run, empty=empty, send_held=send_held, read=read)


KERNEL = _compile(_digest())
