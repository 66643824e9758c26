"""What the event loop changes, as another thread may look at it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

T = TypeVar("T")


def snapshot(changing: Collection[T]) -> tuple[T, ...]:
    """Return what is in *changing* now, which another thread may change meanwhile.

    The copy runs no Python code of ours, but a collection of garbage on the way may let the other thread go on.
    """
    try:
        return tuple(changing)
    except RuntimeError:  # it has changed during the iteration; twice in a row is an error to be heard of
        return tuple(changing)
