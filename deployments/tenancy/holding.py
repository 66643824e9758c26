"""What one request may come to, has used, and holds: sums by model, which every frame of an answer asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from deployments.tenancy.ledger.lines import MOST, Line, Quota
from deployments.tenancy.limits.claims import Claim
from deployments.tenancy.limits.usage import NOTHING, Usage

# A request writes ahead what it is about to use, a quarter of what it may come to at a time: a killed gateway is
# charged for a quarter too much at most, and the store is asked four times a request at most, most often not between
# its admission and the first token.
PARTS = 4
WHOLE = ""
_ENDLESS: Mapping[str, int] = dict.fromkeys(("tokens", "cost", "compute"), MOST)


class Holding:
    """The sums behind a ``Grant``: *most* is what the request may come to, under *claims*; no ledger is known here.

    What is kept by model is under ``WHOLE`` for the request as a whole.
    """

    def __init__(self, claims: Iterable[Claim], most: Usage) -> None:
        self.claims = list(claims)
        self._asked, self.expected = most, {WHOLE: most}
        self._used: dict[str, Usage] = {}
        self._sunk: dict[str, int] = {}
        self._held: dict[str, int] = {}
        self._marks: dict[str, Usage] = {}

    def expect(self, model: str, most: Usage) -> None:
        """Take note that all branches to *model* may come to *most*."""
        self.expected[model] = most
        models = sum((most for model, most in self.expected.items() if model), NOTHING)
        self.expected[WHOLE] = _larger(self._asked, models)

    def of(self, model: str) -> Usage:
        """Return what all branches to *model* may come to."""
        return self.expected.get(model, NOTHING)

    def note(self, usage: Usage, model: str, instead_of: Usage) -> None:
        """Take note of *usage*, and of *instead_of*, which was noted before, no longer."""
        for name in (WHOLE, model) if model else (WHOLE,):
            self._used[name] = self._used.get(name, NOTHING).without(instead_of) + usage

    def totals(self) -> Mapping[str, int]:
        """Return what to settle, by account."""
        return {claim.line.account: claim.used(self._usage(claim)) for claim in self.claims}

    def line(self, claim: Claim, *, ahead: bool) -> Line:
        """Return what *claim* is to hold, with what is used written down, or a part more where it is *ahead*."""
        most, used = self.of(claim.model), self._usage(claim)
        mark = used + _part(_larger(most, used)) if ahead else used
        return claim.held(_enough(most, used, mark) if isinstance(claim.line, Quota) else most, mark)

    def took(self, lines: Sequence[Line]) -> None:
        """Take note of what is held."""
        for line in lines:
            self._held[line.account] = max(line.amount, self._held.get(line.account, 0))
            self._sunk[line.account] = max(line.sunk, self._sunk.get(line.account, 0))

    def mark(self) -> None:
        """Reckon, by model, what may be used before more has to be written ahead: frames ask, so it is kept."""
        marks = {claim.model: dict(_ENDLESS) for claim in self._firm()}
        for claim in self.growing():
            mark = marks[claim.model]
            mark[claim.counts] = min(mark[claim.counts], self._sunk[claim.line.account])
        self._marks = {model: Usage(**mark) for model, mark in marks.items()}

    def marked(self) -> bool:
        """Say whether all that was used was written ahead."""
        return all(self._used.get(model, NOTHING).within(mark) for model, mark in self._marks.items())

    def holds(self, claims: Iterable[Claim]) -> bool:
        """Say whether all that *claims* come to is held already."""
        return all(self.line(claim, ahead=False).amount <= self._held.get(claim.line.account, -1) for claim in claims)

    def within(self) -> bool:
        """Say whether what was used is no more than what is held, whatever of it is written down."""
        return all(claim.used(self._usage(claim)) <= self._held[claim.line.account] for claim in self._firm())

    def growing(self) -> Iterator[Claim]:
        """Yield the firm claims on what an answer uses as it grows."""
        return (claim for claim in self._firm() if claim.counts in _ENDLESS)

    def _firm(self) -> Iterator[Claim]:
        """Yield the claims that nothing is used beyond; a rate that was estimated too low is paid for afterwards."""
        return (claim for claim in self.claims if isinstance(claim.line, Quota))

    def _usage(self, claim: Claim) -> Usage:
        return self._used.get(claim.model, NOTHING)


def _larger(one: Usage, other: Usage) -> Usage:
    return Usage(
        tokens=max(one.tokens, other.tokens),
        cost=max(one.cost, other.cost),
        compute=max(one.compute, other.compute),
        spare=one.spare if one.tokens >= other.tokens else other.spare,
    )


def _enough(most: Usage, used: Usage, mark: Usage) -> Usage:
    """Return *most*, and *mark* of what came to more than that already."""
    return Usage(
        tokens=most.tokens if used.tokens <= most.tokens else mark.tokens,
        cost=most.cost if used.cost <= most.cost else mark.cost,
        compute=most.compute if used.compute <= most.compute else mark.compute,
    )


def _part(most: Usage) -> Usage:
    return Usage(tokens=-(-most.tokens // PARTS), cost=-(-most.cost // PARTS), compute=-(-most.compute // PARTS))
