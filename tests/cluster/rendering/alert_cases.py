"""What sets each alert off, and what must not: alerts.yaml, as promtool reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).with_name("alerts.yaml")


def cases() -> list[dict[str, Any]]:
    """Return the cases of alerts.yaml."""
    found: list[dict[str, Any]] = yaml.safe_load(CASES.read_text(encoding="utf-8"))
    return found


def case_of_promtool(case: dict[str, Any]) -> dict[str, Any]:
    """Return a case as promtool has it."""
    by = ", ".join(case["labels"][0] if case["labels"] else ["alertname"])
    expected = [{"labels": _written(one), "value": 1} for one in case["labels"]]
    firing = f'ALERTS{{alertname="{case["alert"]}",alertstate="firing"}}'
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case["series"].items()],
        "promql_expr_test": [{"expr": f"count by ({by}) ({firing})", "eval_time": case["at"], "exp_samples": expected}],
    }


def _written(labels: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
