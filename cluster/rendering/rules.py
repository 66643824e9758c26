"""The rules of Prometheus that follow from a document's objectives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from cluster.config import Config
from cluster.rendering.alerts import alerts, held
from cluster.rendering.burn import budgets, burning, recordings
from deployments.objectives.spec import POOL

# A pool promises its targets at the 95th percentile.
POOL_SHARE = 0.95


def goals_of(config: Config) -> dict[str, float]:
    """Return the share that each goal promises, those of pools with latency targets included."""
    named = {name: goal.share for name, goal in config.objectives.goals.items()}
    promised = {name: model.slo for name, model in config.pools().items()}
    pools = [name for name, slo in promised.items() if slo.ttft_p95 is not None or slo.tpot_p95 is not None]
    return named | {f"{POOL}{name}": POOL_SHARE for name in pools}


def rules(config: Config) -> dict[str, Any]:
    """Return the groups of rules."""
    spec = config.objectives
    warned = [*burning(spec.window), *alerts(spec.thresholds)]
    return {
        "groups": [
            {"name": "tercet-goals", "rules": [*recordings(goals_of(config)), held()]},
            {"name": "tercet-budgets", "interval": "5m", "rules": [*budgets(spec.window)]},
            {"name": "tercet-alerts", "rules": [alert.rule(spec.runbooks) for alert in warned]},
        ]
    }


def rules_file(config: Config) -> str:
    """Return them as Prometheus reads them."""
    return _written(rules(config))


def prometheus_rule(config: Config, *, name: str = "tercet", labels: Mapping[str, str] | None = None) -> str:
    """Return them as the Prometheus Operator does (monitoring.coreos.com/v1)."""
    metadata = {"name": name, "labels": {"app.kubernetes.io/name": "tercet", **(labels or {})}}
    return _written(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": metadata,
            "spec": rules(config),
        }
    )


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _block)


def _written(value: Mapping[str, Any]) -> str:
    return yaml.dump(dict(value), Dumper=_Dumper, sort_keys=False, width=10_000)
