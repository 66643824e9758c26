"""Who is let in, who waits and who is refused: a queue as plain data, with time as an argument.

Higher classes go first, classes of equal priority share by weight, and within a class whoever must start earliest goes
first (earliest deadline first). Every fourth place goes to whoever has waited longest, once it has waited for the
ageing time: so the least class keeps a quarter of the service, and what outranks it keeps three.

What nobody is charged for is a guest: let in only to a free place for which nobody waits, and out again as soon as
somebody wants it. How long it takes says nothing of how long others do.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from deployments.nodes.admission.service import ServiceTimes

AGED_TURN = 4

Reason = Literal["queue_full", "tenant_excess", "too_late", "displaced", "waited_too_long", "no_free_place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One class of requests; among equals in priority, *weight* is its share."""

    name: str
    priority: int = 0
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many may be inside and wait, how many of both one tenant may have, and when a wait counts as long."""

    concurrent: int
    queue: int
    per_tenant: int | None = None
    ageing_s: float = 5.0


@dataclass(slots=True, eq=False, kw_only=True)
class Ticket:
    """One request; it is of no use to let it in after ``start_by_s`` nor if it cannot end by ``deadline_s``.

    Unless it is ``charged`` it is a guest.
    """

    group: Group
    tenant: str
    arrived_s: float
    start_by_s: float
    deadline_s: float
    charged: bool = True
    started_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a ticket was not taken, and when there may be room for it."""

    reason: Reason
    retry_after_s: float


@dataclass(slots=True)
class _Line:
    """The waiting tickets of one class: by when they must start, and in the order of their arrival."""

    group: Group
    urgent: list[Ticket] = field(default_factory=list)
    oldest: dict[Ticket, None] = field(default_factory=dict)
    served: float = 0.0

    def add(self, ticket: Ticket) -> None:
        insort(self.urgent, ticket, key=lambda other: other.start_by_s)
        self.oldest[ticket] = None

    def remove(self, ticket: Ticket) -> None:
        self.urgent.remove(ticket)
        del self.oldest[ticket]

    def first(self) -> Ticket:
        return next(iter(self.oldest))


class AdmissionQueue:
    """The tickets inside and the tickets waiting. A ticket that was taken must ``leave``, whatever becomes of it."""

    def __init__(self) -> None:
        self.running: dict[Ticket, None] = {}
        self.service = ServiceTimes()
        self._lines: dict[Group, _Line] = {}
        self._waiting = self._guests = 0
        self._tenants: Counter[str] = Counter()
        self._turns = 0

    @property
    def waiting(self) -> int:
        """Return how many wait."""
        return self._waiting

    def offer(self, ticket: Ticket, limits: Limits, now_s: float) -> Refusal | Ticket | None:
        """Take *ticket* in line, or say why not; returns the ticket of a lower class that had to make room for it."""
        if limits.per_tenant is not None and self._tenants[ticket.tenant] >= limits.per_tenant:
            return Refusal(reason="tenant_excess", retry_after_s=self._one_ends_s(ticket.tenant, now_s))
        if not ticket.charged and (self._waiting or len(self.running) >= limits.concurrent):
            return Refusal(reason="no_free_place", retry_after_s=self.drain_s(limits, now_s))
        displaced = None
        if not self._room(limits):
            if self._cannot_make_it(ticket, limits, now_s):
                return Refusal(reason="too_late", retry_after_s=self.drain_s(limits, now_s))
            if self._waiting >= limits.queue and (displaced := self._below(ticket.group, limits, now_s)) is None:
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
            ticket.started_s = now_s
            self.running[ticket] = None
            self._guests += not ticket.charged
            admitted.append(ticket)
        return admitted

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
        elif (line := self._lines.get(ticket.group)) is not None and ticket in line.oldest:
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
        higher = sum(len(line.urgent) for line in self._lines.values() if line.group.priority > ticket.group.priority)
        line = self._lines.get(ticket.group)
        sooner = sum(other.start_by_s <= ticket.start_by_s for other in line.urgent) if line else 0
        start_s = now_s + self.drain_s(limits, now_s, higher + sooner + 1)
        return start_s > ticket.start_by_s or start_s + self.service.least_s > ticket.deadline_s

    def _one_ends_s(self, tenant: str, now_s: float) -> float:
        inside = sum(ticket.tenant == tenant for ticket in self.running)
        return self._mean_s(now_s) / max(1, inside)

    def _below(self, group: Group, limits: Limits, now_s: float) -> Ticket | None:
        """Return the waiting ticket of the lowest class below *group* that can wait longest; one that aged stays."""
        for line in sorted(self._lines.values(), key=lambda line: line.group.priority):
            if line.group.priority >= group.priority:
                return None
            for ticket in reversed(line.urgent):
                if now_s - ticket.arrived_s < limits.ageing_s:
                    return ticket
        return None

    def _join(self, ticket: Ticket) -> None:
        line = self._lines.setdefault(ticket.group, _Line(ticket.group))
        if not line.urgent:
            # Who comes back to the line has no claim for the time in which it did not ask.
            line.served = max(line.served, min((other.served for other in self._peers(ticket.group)), default=0.0))
        line.add(ticket)
        self._waiting += 1
        self._tenants[ticket.tenant] += 1

    def _unline(self, ticket: Ticket) -> None:
        line = self._lines[ticket.group]
        line.remove(ticket)
        self._waiting -= 1
        if not line.urgent and not self._peers(ticket.group):
            # All of them at once: what one class was served is nothing without what its peers were.
            priority = ticket.group.priority
            self._lines = {group: line for group, line in self._lines.items() if group.priority != priority}

    def _peers(self, group: Group) -> list[_Line]:
        """Return the lines of the same priority in which somebody waits."""
        return [line for line in self._lines.values() if line.urgent and line.group.priority == group.priority]

    def _next(self, limits: Limits, now_s: float) -> Ticket:
        lines = [line for line in self._lines.values() if line.urgent]
        self._turns += 1
        if self._turns % AGED_TURN == 0:
            oldest = min((line.first() for line in lines), key=lambda ticket: ticket.arrived_s)
            if now_s - oldest.arrived_s >= limits.ageing_s:
                return oldest
        return min(lines, key=lambda line: (-line.group.priority, line.served)).urgent[0]
