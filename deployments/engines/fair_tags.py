"""Which of an engine's waiting requests is next, so that tenants share its steps by weight.

vLLM's scheduler orders requests by a number that each is given when it arrives (``scheduling_policy: priority``, lowest
first). So tenants cannot take turns there; but a request's start tag can say when its turn would be (start-time fair
queueing: Goyal, Vin and Cheng, SIGCOMM 1996). An account's next tag lies behind the work of those before, by its
weight; one that comes after a pause gets the tag of the request that is being served. What a request will generate is
expected by what the account's requests lately did, and put right at its end.

The engine keeps these accounts itself, for all gateways: a request that waits in one has no turn in another, and no
store could be asked between two steps.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from deployments.fair_share import work_of
from deployments.standing import Standing

# Tags must not reach into the next level, and all levels must fit 64 bits with a sign.
LEVEL, MOST_TAG, MOST_LEVEL = 2**52, 2**51, 1000
_NEWEST = 0.2


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Tag:
    """One request's place in the order: ``start`` in work by weight, and the ``expected`` work that stands for it.

    Tags order the requests of one ``level`` of priority.
    """

    standing: Standing
    level: int
    start: float
    expected: float


def priority(tag: Tag) -> int:
    """Return vLLM's number for a request; a higher level goes before all lower ones, whatever their tags."""
    bounded = max(-MOST_LEVEL, min(MOST_LEVEL, tag.level))
    return -bounded * LEVEL + min(MOST_TAG, int(tag.start))


class FairTags:
    """Hands tags out; each that is ``open`` is for ``serve`` at its first token and then ``close``, or for ``drop``."""

    def __init__(self) -> None:
        self._finish: dict[str, float] = {}
        self._generated: dict[str, float] = {}
        self._waiting: Counter[tuple[str, int]] = Counter()
        self._now = 0.0
        self._open = 0

    def open(self, standing: Standing, *, prompt: int, most: int | None = None, level: int = 0) -> Tag:
        """Return the tag of a request that arrives, of *prompt* tokens, to generate *most* at most."""
        usual = self._generated.get(standing.account, 0.0)
        expected = work_of(prompt=prompt, generated=usual if most is None else min(most, usual))
        start = self._finish.get(standing.account, 0.0)
        if not self._waiting[standing.account, level]:
            # Who waits for a turn keeps the claim to it, also where less was done for it than expected. What waits at
            # another level has no turn at this one, and may wait for ever.
            start = max(self._now, start)
        self._finish[standing.account] = start + expected / standing.weight
        self._waiting[standing.account, level] += 1
        self._open += 1
        return Tag(standing=standing, level=level, start=start, expected=expected)

    def serve(self, tag: Tag) -> None:
        """Note that a request is being served: whoever comes back now begins beside it."""
        self._now = max(self._now, tag.start)
        self._moved_up(tag)

    def close(self, tag: Tag, *, prompt: int, generated: int) -> None:
        """Note what a request that was served came to, whether it finished or not."""
        account, weight = tag.standing.account, tag.standing.weight
        self._finish[account] += (work_of(prompt=prompt, generated=generated) - tag.expected) / weight
        usual = self._generated.get(account)
        self._generated[account] = generated if usual is None else usual + _NEWEST * (generated - usual)
        self._end()

    def drop(self, tag: Tag) -> None:
        """Forget a request that ended while it waited: nothing was done, and its time has not come."""
        self._finish[tag.standing.account] -= tag.expected / tag.standing.weight
        self._moved_up(tag)
        self._end()

    def _moved_up(self, tag: Tag) -> None:
        self._waiting[tag.standing.account, tag.level] -= 1
        if not self._waiting[tag.standing.account, tag.level]:
            # Levels may be as many as priorities that were ever given.
            del self._waiting[tag.standing.account, tag.level]

    def _end(self) -> None:
        self._open -= 1
        if not self._open:
            # Nothing is left that anybody could be before or behind of.
            self._now = max(self._now, *self._finish.values())


class Turn:
    """One request's turn, a context manager around its answer, which ``saw`` what came of it."""

    def __init__(
        self, tags: FairTags, standing: Standing, *, prompt: int, most: int | None = None, level: int = 0
    ) -> None:
        self._tags = tags
        self.tag = tags.open(standing, prompt=prompt, most=most, level=level)
        self._prompt, self._generated = 0, 0
        self._served = False

    def saw(self, *, prompt: int, generated: int) -> None:
        """Note *generated* more tokens after a prompt of so many."""
        if not self._served:
            self._served = True
            self._tags.serve(self.tag)
        self._prompt = prompt
        self._generated += generated

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        if self._served:
            self._tags.close(self.tag, prompt=self._prompt, generated=self._generated)
        else:
            self._tags.drop(self.tag)
