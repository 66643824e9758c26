"""Goals for names that nobody can ask for."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.config import Config, model_names
from cluster.problems import Problem, path_of, shown
from deployments.strict import nearest


def unasked(config: Config) -> Iterator[Problem]:
    """Find entries of goals that are no model, adapter or graph node."""
    known = {*model_names(config.models), *config.graph}
    for name, goal in config.objectives.goals.items():
        for at, entry in enumerate(goal.entries):
            if entry not in known:
                path = path_of(("objectives", "goals", name, "entries", at))
                rule = f"no model or graph node is named {shown(entry)}; {nearest(entry, known)}"
                yield Problem(path=path, message=rule, value=entry)
