"""A store that cannot be asked."""

from __future__ import annotations


class StoreAwayError(Exception):
    """A store did not answer, or not in time; what was asked of it may have been done or not."""
