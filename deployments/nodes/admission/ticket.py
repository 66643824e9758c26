"""What stands in line: one request with its class, its tenant's share, and the times that bound its wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One class of requests; among equals in priority, *weight* is its share."""

    name: str
    priority: int = 0
    weight: float = 1.0


@dataclass(slots=True, eq=False, kw_only=True)
class Ticket:
    """One request; it is of no use to let it in after ``start_by_s`` nor if it cannot end by ``deadline_s``.

    Unless it is ``charged`` it is a guest. Within a class ``account`` gets places by ``weight``; ``work`` is what the
    request takes at least, in prompt tokens.
    """

    group: Group
    tenant: str
    arrived_s: float
    start_by_s: float
    deadline_s: float
    charged: bool = True
    account: str = ""
    weight: float = 1.0
    work: float = 0.0
    started_s: float | None = None
