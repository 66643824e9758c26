"""How many requests one gateway held against each goal, and how many missed it."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.objectives.spec import ObjectivesSpec
from deployments.objectives.verdict import kept
from deployments.signals import GoalCounts
from deployments.telemetry.outcome import Outcome


class GoalTally:
    """Counts since the process began; one event loop writes, any thread reads."""

    def __init__(self) -> None:
        self._spec = ObjectivesSpec(goals={})
        self._counts: dict[str, list[int]] = {}

    def follow(self, spec: ObjectivesSpec) -> None:
        """Hold requests against these goals from now on; a goal of the same name goes on with its counts."""
        self._counts = {name: self._counts.get(name, [0, 0]) for name in spec.goals}
        self._spec = spec

    def ended(self, entry: str, ended: Outcome) -> None:
        """Count one request that entered by *entry*."""
        for name, goal in self._spec.goals.items():
            good = kept(goal, entry, ended)
            if good is not None:
                counts = self._counts[name]
                counts[0] += 1
                counts[1] += not good

    def read(self) -> Mapping[str, GoalCounts]:
        """Return the counts as of now."""
        spec, counts = self._spec, self._counts
        return {
            name: GoalCounts(judged=counts[name][0], missed=counts[name][1], share=goal.share, window_s=spec.window)
            for name, goal in spec.goals.items()
            if name in counts
        }
