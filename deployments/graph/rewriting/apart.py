"""The search of long texts beside the event loop, so that other streams go on meanwhile.

It has one thread of its own: all of it is the interpreter's work, of which two would not make more at a time, and
whoever else needs a thread does not wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from deployments.graph.rewriting.prompt import texts_of
from deployments.request import Request

_SEARCHES = ThreadPoolExecutor(max_workers=1, thread_name_prefix="search")

Found = TypeVar("Found")


def length_of(request: Request) -> int:
    """Return how many characters the texts of *request* have; raises Invalid as ``texts_of`` does."""
    return sum(len(one.text) for one in texts_of(request))


async def searched(search: Callable[[Request], Found], request: Request, *, at_once: int) -> Found:
    """Return what *search* does; beside the event loop where *request* has *at_once* characters or more."""
    return search(request) if length_of(request) < at_once else await apart(partial(search, request))


async def apart(search: Callable[[], Found]) -> Found:
    """Return what *search* does, beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_SEARCHES, search)
