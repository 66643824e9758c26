"""The waiting tickets of one class: the accounts that wait take turns, and each has its most urgent go first."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterator

from deployments.fair_share import FairShares
from deployments.nodes.admission.ticket import Group, Ticket


class _Own:
    """The waiting tickets of one account: by when they must start, and in the order of their arrival."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.urgent: list[Ticket] = []
        self.oldest: dict[Ticket, None] = {}

    def add(self, ticket: Ticket) -> None:
        self.weight = ticket.weight
        insort(self.urgent, ticket, key=lambda other: other.start_by_s)
        self.oldest[ticket] = None

    def remove(self, ticket: Ticket) -> None:
        self.urgent.remove(ticket)
        del self.oldest[ticket]

    def first(self) -> Ticket:
        return next(iter(self.oldest))

    def crowding(self, more: int = 0) -> float:
        """Return how many wait for each share, with *more* of them."""
        return (len(self.urgent) + more) / self.weight


class Line:
    """One class's line; ``served`` is what the class was given beside others, ``shares`` what its accounts were."""

    def __init__(self, group: Group, shares: FairShares) -> None:
        self.group, self.shares = group, shares
        self.served = 0.0
        self._own: dict[str, _Own] = {}

    def __len__(self) -> int:
        return sum(len(own.urgent) for own in self._own.values())

    def __contains__(self, ticket: Ticket) -> bool:
        return ticket.account in self._own and ticket in self._own[ticket.account].oldest

    def add(self, ticket: Ticket) -> None:
        """Let a ticket wait."""
        if ticket.account not in self._own:
            self.shares.join(ticket.account, self._own)
            self._own[ticket.account] = _Own(ticket.weight)
        self._own[ticket.account].add(ticket)

    def remove(self, ticket: Ticket) -> None:
        """Forget a ticket that waits."""
        own = self._own[ticket.account]
        own.remove(ticket)
        if not own.urgent:
            del self._own[ticket.account]

    def oldest(self) -> Ticket:
        """Return who has waited longest."""
        return min((own.first() for own in self._own.values()), key=lambda ticket: ticket.arrived_s)

    def next(self, *, aged: bool = False) -> Ticket:
        """Return the most urgent ticket of the account whose turn it is, or where it is *aged* the oldest."""
        own = self._own[self.shares.next(self._own)]
        return own.first() if aged else own.urgent[0]

    def ahead_of(self, ticket: Ticket) -> int:
        """Estimate how many of the line go before a new *ticket*: its account's that start earlier, and who alternates.

        While an account gets one place, another gets as many as its weight is greater.
        """
        mine = self._own.get(ticket.account)
        sooner = sum(other.start_by_s <= ticket.start_by_s for other in mine.urgent) if mine else 0
        others = (own for account, own in self._own.items() if account != ticket.account)
        turns = (sooner + 1) / ticket.weight
        return sooner + sum(min(len(own.urgent), math.ceil(turns * own.weight)) for own in others)

    def patient(self) -> Iterator[Ticket]:
        """Yield all tickets, those of the account that crowds the line most first, who can wait longest before."""
        for own in sorted(self._own.values(), key=_Own.crowding, reverse=True):
            yield from reversed(own.urgent)

    def crowded_out(self, ticket: Ticket) -> Ticket | None:
        """Return who makes room for a new *ticket*, None where nobody has more tickets for its share than it would."""
        mine = self._own.get(ticket.account) or _Own(ticket.weight)
        most = max(self._own.values(), key=_Own.crowding, default=mine)
        return most.urgent[-1] if most.crowding() > mine.crowding(more=1) else None
