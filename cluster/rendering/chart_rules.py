"""The rules as the chart keeps them: with places for what a document says, which helm fills in.

A place is a name between two ``@``. Helm knows what each document's objectives are, and nothing of how alerts are made.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from cluster.rendering.alert import Alert
from cluster.rendering.alerts import alerts, dear, held
from cluster.rendering.burn import BURNS, budget, burning, promised, recordings
from cluster.rendering.figures import Figures
from cluster.rendering.rules import POOL_SHARE, groups
from deployments.objectives.spec import POOL, ObjectivesSpec

_FIGURES = Figures(**{one.name: f"@{one.name}@" for one in fields(Figures)})


def chart_rules() -> dict[str, Any]:
    """Return ``files/rules.yaml``.

    ``groups`` hold the rules of every document. ``goal``, ``burns`` and ``cost`` are those of each goal, of each burn
    that is one over the document's window, and of each currency with a threshold. ``defaults`` are the objectives of a
    document that says nothing of them, and ``pools`` what the goals of pools are called and promise.
    """
    return {
        "groups": groups([*recordings(), held()], [budget("@hours@")], [_told(one) for one in alerts(_FIGURES)]),
        "goal": promised("@goal@", "@share@"),
        "burns": [
            {"spent": burn.spent, "seconds": burn.long_s, "rule": _told(burning(burn, "@factor@", "@roughly@"))}
            for burn in BURNS
        ],
        "cost": _told(dear("@currency@", "@most@")),
        "defaults": ObjectivesSpec().model_dump(mode="json", exclude_none=True),
        "pools": {"prefix": POOL, "share": POOL_SHARE},
    }


def _told(alert: Alert) -> dict[str, Any]:
    return alert.rule("@runbooks@")
