"""Have so many replicas at some hours of some days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from autoscale.fleet import Fleet
from autoscale.policies.kind import Build, PolicySpec
from autoscale.policy import Decision, Policy, PoolDecision, size_each
from deployments.hours import Hours, Timezone, in_hours, written
from deployments.quantities import Seconds
from deployments.strict import not_empty


class Shift(Hours):
    """Hours as the graph's switch knows them, and the ``replicas`` to have in them."""

    replicas: int = Field(ge=0, le=10_000)


class ScheduleSpec(PolicySpec):
    """The most that any of the ``shifts`` on duty says, ``otherwise`` where none is.

    Each shift begins ``lead`` earlier, the time that a replica takes to start. Shifts without a time zone of their own
    are in ``timezone``.
    """

    kind = "schedule"

    shifts: Annotated[tuple[Shift, ...], AfterValidator(not_empty)]
    otherwise: int = Field(default=0, ge=0)
    timezone: Timezone = "UTC"
    lead: Seconds = Field(default=0.0, le=12 * 3600.0)

    @property
    def steady(self) -> bool:
        """Say yes: it moves when the clock says so."""
        return True

    def build(self, _: Build) -> Policy:
        """Build it, with every shift in its time zone."""
        zone = {"timezone": self.timezone}
        shifts = (one if "timezone" in one.model_fields_set else one.model_copy(update=zone) for one in self.shifts)
        return Schedule(self, tuple(shifts))


@dataclass(frozen=True, slots=True)
class Schedule:
    """Look the fleet's own time up; load is not looked at, so combine it with a rule that does."""

    spec: ScheduleSpec
    shifts: tuple[Shift, ...]

    def decide(self, fleet: Fleet) -> Decision:
        """Answer from this fleet's time alone."""
        now, soon = (datetime.fromtimestamp(fleet.at_s + lead_s, UTC) for lead_s in (0.0, self.spec.lead))
        asked = max(self._asked(now, soon), key=lambda ask: ask.replicas)

        return size_each(fleet, lambda _, __: asked)

    def _asked(self, now: datetime, soon: datetime) -> Iterator[PoolDecision]:
        on_duty = False
        for shift in self.shifts:
            if in_hours(shift, now) or in_hours(shift, soon):
                on_duty = True
                why = f"schedule: {written(shift)}"
                yield PoolDecision(replicas=shift.replicas, reason=why, binds="schedule")
        if not on_duty:
            yield PoolDecision(replicas=self.spec.otherwise, reason="schedule: outside all shifts", binds="schedule")
