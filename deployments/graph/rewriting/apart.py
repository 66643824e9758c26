"""The search of long texts beside the event loop, so that other streams go on meanwhile.

It has one thread of its own: all of it is the interpreter's work, of which two would not make more at a time, and
whoever else needs a thread does not wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from deployments.graph.rewriting.prompt import Prompted

_SEARCHES = ThreadPoolExecutor(max_workers=1, thread_name_prefix="search")

Found = TypeVar("Found")


def length_of(texts: Iterable[Prompted]) -> int:
    """Return how many characters *texts* have."""
    return sum([len(one.text) for one in texts])


async def searched(search: Callable[[], Found], length: int, *, at_once: int) -> Found:
    """Return what *search* does; beside the event loop where there are *at_once* characters or more to search."""
    return search() if length < at_once else await apart(search)


async def apart(search: Callable[[], Found]) -> Found:
    """Return what *search* does, beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_SEARCHES, search)
