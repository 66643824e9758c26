"""Which detectors may find something in a text at all: asked of all of them in one run over it."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from deployments.pii.detector import Detector, latin1


class Tells:
    """Looks for what each detector's finds must hold; told by the places of the detectors in their list.

    RE2 keeps one automaton for all, small enough to be kept whole: where it is not, it is made again, never given up.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._tells = re2.Set.SearchSet(latin1())
        for one in detectors:
            self._tells.Add(one.tell)
        self._tells.Compile()

    def within(self, data: bytes, at: int) -> Sequence[int]:
        """Return which detectors may find something that begins *at* or later in folded text."""
        # By the byte before, a word begins or does not.
        return self._tells.Match(data[at - 1 :] if at else data) or ()
