"""Dashboards are written from the catalogue, and leave nothing of it out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from cluster.rendering.boards import boards
from cluster.rendering.grafana import WIDTH, dashboards
from cluster.rendering.panel import RANGE
from cluster.rendering.rules import rules
from deployments.telemetry.catalogue.catalogue import every_series, samples
from tests.cluster.rendering.test_alerts import NAMES, RECORDED, config
from tests.prometheus import promtool

LABELS = re.compile(r"by \(([^)]*)\)")


def queries() -> list[str]:
    return [query.expr for board in boards() for row in board.rows for panel in row.panels for query in panel.queries]


def written() -> list[str]:
    """Return the queries as Grafana is given them."""
    found = [panel for text in dashboards().values() for panel in panels(json.loads(text))]
    return [target["expr"] for panel in found for target in panel["targets"]]


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def test_every_series_stands_on_a_dashboard() -> None:
    """But those under OpenTelemetry's names, which are there for other dashboards."""
    shown = {samples()[name].name for expr in queries() for name in NAMES.findall(expr)}
    assert shown == {series.name for series in every_series() if not series.optional}


def test_queries_group_by_labels_that_their_series_have() -> None:
    """And use nothing recorded that no rule records."""
    recorded = {rule["record"] for group in rules(config())["groups"] for rule in group["rules"] if "record" in rule}
    for expr in queries():
        assert set(RECORDED.findall(expr)) <= recorded
        labels = {label for name in NAMES.findall(expr) for label in samples()[name].whole_labels}
        asked = {label.strip() for found in LABELS.findall(expr) for label in found.split(",") if label.strip()}
        assert asked <= labels | {"le", "goal"}, expr


def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    """Checked as rules; that each has data is shown by a real run."""
    read = [expr.replace(RANGE, "1m").replace("$pool", ".*").replace("$namespace", "llm") for expr in written()]
    group = {"name": "queries", "rules": [{"record": f"query:{at}", "expr": expr} for at, expr in enumerate(read)]}
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")
    assert f"{len(read)} rules found" in promtool("check", "rules", str(file))


def test_each_series_is_of_the_namespace_that_was_chosen() -> None:
    """Once each; all of them take in what has no such label, as on a machine of one's own."""
    for expr in written():
        named = [*NAMES.findall(expr), *RECORDED.findall(expr)]
        assert expr.count('{namespace=~"$namespace"') == len(named), expr
    for text in dashboards().values():
        (variable,) = [one for one in json.loads(text)["templating"]["list"] if one["name"] == "namespace"]
        assert (variable["allValue"], variable["current"]["value"]) == (".*", "$__all")


def test_grafana_can_place_every_panel() -> None:
    """None over another, none beyond the edge, each with a number of its own."""
    for text in dashboards().values():
        board = json.loads(text)
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        taken = set[tuple[int, int]]()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert place["x"] + place["w"] <= WIDTH
            assert not cells & taken
            taken |= cells
        for panel in panels(board):
            assert panel["description"].endswith("."), panel["title"]
            assert panel["targets"]


def test_files_have_the_names_of_their_dashboards() -> None:
    """Four of them."""
    assert sorted(dashboards()) == [
        "tercet-decisions.json", "tercet-fleet.json", "tercet-pool.json", "tercet-tenants.json",
    ]  # fmt: skip
