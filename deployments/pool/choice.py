"""Choose the replica of a pool that answers a request, by live load and by what its prefix cache may hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

SESSION_BLOCKS = 4
PLACES = 4
SHARE = 0.5
PROMPT_PLACES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One replica: calls in flight, how many it takes, and how many leading blocks of the prompt it has seen.

    ``unbegun`` of the calls, as far as this gateway knows, have no token yet. ``session`` says that it answered this
    session before.
    """

    replica: str
    in_flight: int
    limit: int
    matched: int = 0
    session: bool = False
    unbegun: int = 0

    @property
    def busy(self) -> int:
        """Return how busy it is, in calls that only decode: a prompt holds all of them up while it is computed.

        By the number of calls alone a replica that has just started would get all that comes until it has as many as
        the others, and their first tokens would be late.
        """
        return self.in_flight + PROMPT_PLACES * self.unbegun

    @property
    def warmth(self) -> int:
        """Return the blocks of prefill that this replica may spare."""
        return self.matched + (SESSION_BLOCKS if self.session else 0)


def choose(candidates: Sequence[Candidate], key: bytes) -> Candidate:
    """Return the warmest replica that is not much busier than the least busy one; else the least busy one.

    A spared block of prefill is worth one more call in front, up to four and half of the least busy replica's load:
    continuous batching makes a place cheap, prefill is what the other streams of the batch wait for. Among equals
    *key* decides, the same way on every gateway, so that prompts which begin alike meet from the start. At least one
    candidate.
    """
    able = [one for one in candidates if one.in_flight < one.limit] or list(candidates)
    least = min(one.in_flight for one in able)
    warm = [one for one in able if one.warmth and one.in_flight - least <= _patience(one, least)]
    if warm:
        best = max(one.warmth for one in warm)
        return min((one for one in warm if one.warmth == best), key=lambda one: (one.in_flight, _rank(one, key)))
    rest = min(one.busy for one in able)
    return min((one for one in able if one.busy == rest), key=lambda one: _rank(one, key))


def _patience(one: Candidate, least: int) -> int:
    return min(one.warmth, PLACES + int(SHARE * least))


def _rank(one: Candidate, key: bytes) -> bytes:
    return blake2b(one.replica.encode(), digest_size=8, key=key[:64]).digest()
