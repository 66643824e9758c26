"""How long a replica gathers frames before it sends them: adaptive coalescing.

Every message to a gateway becomes one write a stream there, so the spacing grows with the number of streams: a few get
every token at once, many share the cost of a write between tokens. First tokens and ends never wait.
"""

from __future__ import annotations

PER_STREAM_S = 0.000_32
LONGEST_S = 0.030
SETTLE_PER_STREAM_S = 0.000_05
LONGEST_SETTLE_S = 0.002


def spacing_s(streams: int) -> float:
    """Return the least time between two messages to one gateway that has *streams* calls here."""
    return min(LONGEST_S, PER_STREAM_S * max(0, streams - 1))


def settle_s(streams: int) -> float:
    """Return how long to wait after a first new frame for the others of the same engine step."""
    return min(LONGEST_SETTLE_S, SETTLE_PER_STREAM_S * max(0, streams - 1))


def wait_s(*, streams: int, since_last_s: float) -> float:
    """Return how long to gather before the next message, *since_last_s* after the one before."""
    return max(settle_s(streams), spacing_s(streams) - since_last_s)
