"""The rules of Prometheus that follow from a document's objectives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.config import Config
from cluster.rendering.alert import Alert
from cluster.rendering.alerts import alerts, dear, held
from cluster.rendering.as_yaml import WHOLE_LINES, as_yaml
from cluster.rendering.burn import BURNS, HOUR_S, budget, burning, promised, recordings
from cluster.rendering.figures import Figures, number
from cluster.rendering.of_namespace import of_namespace
from deployments.objectives.spec import POOL, ObjectivesSpec

# A pool promises its targets at the 95th percentile.
POOL_SHARE = 0.95


def goals_of(config: Config) -> dict[str, float]:
    """Return the share that each goal promises, by name, those of pools with latency targets included."""
    named = {name: goal.share for name, goal in config.objectives.goals.items()}
    targets = {name: model.slo for name, model in config.pools().items()}
    pools = [name for name, slo in targets.items() if slo.ttft_p95 is not None or slo.tpot_p95 is not None]
    return dict(sorted((named | {f"{POOL}{name}": POOL_SHARE for name in pools}).items()))


def rules(config: Config, namespace: str = "") -> dict[str, Any]:
    """Return the groups of rules, about the series of one *namespace* of Kubernetes where one is named."""
    spec = config.objectives
    goals = [promised(name, number(share)) for name, share in goals_of(config).items()]
    warned = [alert.rule(spec.runbooks) for alert in _alerts(spec)]
    found = groups([*goals, *recordings(), held()], [budget(f"{spec.window // HOUR_S:.0f}")], warned)
    return {"groups": [of_namespace(group, namespace) for group in found] if namespace else found}


def groups(goals: list[Any], budgets: list[Any], warned: list[Any]) -> list[dict[str, Any]]:
    """Return the three groups; what is left of a budget is a query over weeks, and seldom asked.

    A result is there for five minutes (Prometheus' lookback): at a longer interval an alert on it would come and go.
    """
    return [
        {"name": "tercet-goals", "rules": goals},
        {"name": "tercet-budgets", "interval": "2m", "rules": budgets},
        {"name": "tercet-alerts", "rules": warned},
    ]


def rules_file(config: Config, namespace: str = "") -> str:
    """Return them as Prometheus reads them."""
    return as_yaml(rules(config, namespace), width=WHOLE_LINES)


def prometheus_rule(
    config: Config, namespace: str = "", *, name: str = "tercet", labels: Mapping[str, str] | None = None
) -> str:
    """Return them as the Prometheus Operator does (monitoring.coreos.com/v1)."""
    metadata = {"name": name, "labels": {"app.kubernetes.io/name": "tercet", **(labels or {})}}
    kind = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule"}
    return as_yaml({**kind, "metadata": metadata, "spec": rules(config, namespace)}, width=WHOLE_LINES)


def _alerts(spec: ObjectivesSpec) -> Iterator[Alert]:
    for burn in BURNS:
        if (factor := burn.factor(spec.window)) >= 1:
            yield burning(burn, number(factor), f"{factor:.3g}")
    yield from alerts(Figures.of(spec.thresholds))
    for currency, most in sorted(spec.thresholds.cost_per_request.items()):
        yield dear(currency, number(most))
