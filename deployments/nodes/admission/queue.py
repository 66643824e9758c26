"""Who is let in, who waits and who is refused: a queue as plain data, with time as an argument.

Higher classes go first, classes of equal priority share by weight, within a class the configured tenants share by
theirs (``fair_share``), and of one tenant whoever must start earliest goes first (earliest deadline first). Every
fourth place goes to the class of whoever has waited longest, once it has waited for the ageing time: so the least class
keeps a quarter of the service, and what outranks it keeps three.

A full queue makes room for a higher class, and for a tenant that has less in it for its share than another has.

What nobody is charged for is a guest: let in only to a free place for which nobody waits, and out again as soon as
somebody wants it. How long it takes says nothing of how long others do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Literal

from deployments.fair_share import FairShares
from deployments.nodes.admission.line import Line
from deployments.nodes.admission.service import ServiceTimes
from deployments.nodes.admission.ticket import Group, Ticket

AGED_TURN = 4

Reason = Literal["queue_full", "tenant_excess", "too_late", "displaced", "waited_too_long", "no_free_place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many may be inside and wait, how many of both one tenant may have, and when a wait counts as long."""

    concurrent: int
    queue: int
    per_tenant: int | None = None
    ageing_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a ticket was not taken, and when there may be room for it."""

    reason: Reason
    retry_after_s: float


class AdmissionQueue:
    """The tickets inside and the tickets waiting. A ticket that was taken must ``leave``, whatever becomes of it."""

    def __init__(self) -> None:
        self.running: dict[Ticket, None] = {}
        self.service = ServiceTimes()
        self._lines: dict[Group, Line] = {}
        # Whoever is inside works on while nobody of its class waits.
        self._shares: defaultdict[Group, FairShares] = defaultdict(FairShares)
        self._waiting = self._guests = 0
        self._tenants: Counter[str] = Counter()
        self._turns = 0

    @property
    def waiting(self) -> int:
        """Return how many wait."""
        return self._waiting

    def offer(self, ticket: Ticket, limits: Limits, now_s: float) -> Refusal | Ticket | None:
        """Take *ticket* in line, or say why not; returns the ticket that had to make room for it."""
        if limits.per_tenant is not None and self._tenants[ticket.tenant] >= limits.per_tenant:
            return Refusal(reason="tenant_excess", retry_after_s=self._one_ends_s(ticket.tenant, now_s))
        if not ticket.charged and (self._waiting or len(self.running) >= limits.concurrent):
            return Refusal(reason="no_free_place", retry_after_s=self.drain_s(limits, now_s))
        displaced = None
        if not self._room(limits):
            if self._cannot_make_it(ticket, limits, now_s):
                return Refusal(reason="too_late", retry_after_s=self.drain_s(limits, now_s))
            if self._waiting >= limits.queue and (displaced := self._yielding(ticket, limits, now_s)) is None:
                return Refusal(reason="queue_full", retry_after_s=self.drain_s(limits, now_s))
        if displaced is not None:
            self.leave(displaced, now_s)
        self._join(ticket)
        return displaced

    def admit(self, limits: Limits, now_s: float) -> list[Ticket]:
        """Let in as many as there is room for, and return them in order."""
        admitted = []
        while self._waiting and len(self.running) - self._guests < limits.concurrent:
            ticket = self._next(limits, now_s)
            self._lines[ticket.group].served += 1 / ticket.group.weight
            self._unline(ticket)
            self._shares[ticket.group].take(ticket.account)
            self.charge(ticket, ticket.work)
            ticket.started_s = now_s
            self.running[ticket] = None
            self._guests += not ticket.charged
            admitted.append(ticket)
        return admitted

    def charge(self, ticket: Ticket, work: float) -> None:
        """Count *work* done for a ticket that was let in against its account's share."""
        self._shares[ticket.group].charge(ticket.account, work, ticket.weight)

    def evict(self, limits: Limits, now_s: float) -> list[Ticket]:
        """Take their places from as many guests as there are too many inside, and return them."""
        excess = min(self._guests, len(self.running) - limits.concurrent)
        if excess <= 0:
            return []
        evicted = [ticket for ticket in self.running if not ticket.charged][:excess]
        for ticket in evicted:
            self.leave(ticket, now_s)
        return evicted

    def leave(self, ticket: Ticket, now_s: float) -> None:
        """Forget *ticket*, inside or waiting; one that is not here is nothing to do."""
        if ticket in self.running:
            del self.running[ticket]
            self._guests -= not ticket.charged
            if ticket.charged:
                self.service.ended(ticket.started_s or 0.0, now_s)
        elif (line := self._lines.get(ticket.group)) is not None and ticket in line:
            self._unline(ticket)
        else:
            return
        self._tenants[ticket.tenant] -= 1
        if not self._tenants[ticket.tenant]:
            del self._tenants[ticket.tenant]

    def drain_s(self, limits: Limits, now_s: float, ahead: int | None = None) -> float:
        """Return in how many seconds *ahead* places, by default as many as wait and one more, become free."""
        places = self._waiting + 1 if ahead is None else ahead
        return places * self._mean_s(now_s) / limits.concurrent

    def _room(self, limits: Limits) -> bool:
        return not self._waiting and len(self.running) - self._guests < limits.concurrent

    def _mean_s(self, now_s: float) -> float:
        """Return the mean service time; where nothing ends any more, those inside say that it has become longer."""
        ages_s = [now_s - (ticket.started_s or 0.0) for ticket in self.running if ticket.charged]
        return max(self.service.mean_s, sum(ages_s) / len(ages_s) if ages_s else 0.0)

    def _cannot_make_it(self, ticket: Ticket, limits: Limits, now_s: float) -> bool:
        if not self.service.known:
            return False
        higher = sum(len(line) for line in self._lines.values() if line.group.priority > ticket.group.priority)
        line = self._lines.get(ticket.group)
        sooner = line.ahead_of(ticket) if line else 0
        start_s = now_s + self.drain_s(limits, now_s, higher + sooner + 1)
        return start_s > ticket.start_by_s or start_s + self.service.least_s > ticket.deadline_s

    def _one_ends_s(self, tenant: str, now_s: float) -> float:
        inside = sum(ticket.tenant == tenant for ticket in self.running)
        return self._mean_s(now_s) / max(1, inside)

    def _yielding(self, ticket: Ticket, limits: Limits, now_s: float) -> Ticket | None:
        """Return who makes room: of the lowest class below who can wait longest, unless it aged, or of who crowds."""
        for line in sorted(self._lines.values(), key=lambda line: line.group.priority):
            if line.group.priority >= ticket.group.priority:
                break
            for other in line.patient():
                if now_s - other.arrived_s < limits.ageing_s:
                    return other
        own = self._lines.get(ticket.group)
        return own.crowded_out(ticket) if own else None

    def _join(self, ticket: Ticket) -> None:
        line = self._lines.setdefault(ticket.group, Line(ticket.group, self._shares[ticket.group]))
        if not line:
            # Who comes back to the line has no claim for the time in which it did not ask.
            line.served = max(line.served, min((other.served for other in self._peers(ticket.group)), default=0.0))
        line.add(ticket)
        self._waiting += 1
        self._tenants[ticket.tenant] += 1

    def _unline(self, ticket: Ticket) -> None:
        line = self._lines[ticket.group]
        line.remove(ticket)
        self._waiting -= 1
        if not line and not self._peers(ticket.group):
            # All of them at once: what one class was served is nothing without what its peers were.
            priority = ticket.group.priority
            self._lines = {group: line for group, line in self._lines.items() if group.priority != priority}

    def _peers(self, group: Group) -> list[Line]:
        """Return the lines of the same priority in which somebody waits."""
        return [line for line in self._lines.values() if line and line.group.priority == group.priority]

    def _next(self, limits: Limits, now_s: float) -> Ticket:
        lines = [line for line in self._lines.values() if line]
        self._turns += 1
        if self._turns % AGED_TURN == 0:
            line = min(lines, key=lambda line: line.oldest().arrived_s)
            if now_s - line.oldest().arrived_s >= limits.ageing_s:
                return line.next(aged=True)
        return min(lines, key=lambda line: (-line.group.priority, line.served)).next()
