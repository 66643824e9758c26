"""A dashboard as Grafana imports it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cluster.rendering.boards import Board, boards
from cluster.rendering.of_namespace import chosen
from cluster.rendering.panel import Panel, Query
from deployments.telemetry.catalogue.scaling import TARGET

WIDTH = 24
HEIGHT = 8
SCHEMA_VERSION = 39
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# All of them includes series without the label, of clusters that are not on Kubernetes.
_NAMESPACE = 'namespace=~"$namespace"'


def dashboards() -> dict[str, str]:
    """Return every dashboard's JSON by the name of its file."""
    return {f"{board.uid}.json": json.dumps(dashboard(board), indent=2) + "\n" for board in boards()}


def dashboard(board: Board) -> dict[str, Any]:
    """Return one dashboard; it asks for its data source, so that it fits any Grafana."""
    return {
        "uid": board.uid,
        "title": board.title,
        "tags": ["tercet"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": list(_variables(board))},
        "panels": list(_laid_out(board)),
    }


def _variables(board: Board) -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    yield {**_choice("namespace", "Namespace", f"label_values({TARGET.sample}, namespace)"), "allValue": ".*"}
    if board.pool:
        yield _choice("pool", "Pool", f"label_values({TARGET.sample}{{{_NAMESPACE}}}, pool)")


def _choice(name: str, label: str, asked: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _SOURCE,
        "definition": asked,
        "query": {"query": asked, "refId": name},
        "refresh": 2,
        "sort": 1,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _laid_out(board: Board) -> Iterator[dict[str, Any]]:
    top, number = 0, 1
    for row in board.rows:
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": _at(0, top, WIDTH, 1),
        }
        left, top, number = 0, top + 1, number + 1
        for panel in row.panels:
            if left + panel.width > WIDTH:
                left, top = 0, top + HEIGHT
            yield _panel(panel, number, _at(left, top, panel.width, HEIGHT))
            left, number = left + panel.width, number + 1
        top += HEIGHT


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.text,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [_target(query, chr(ord("A") + at)) for at, query in enumerate(panel.queries)],
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    floor = {} if panel.floor is None else {"min": panel.floor}
    return {"unit": panel.unit, **floor, "custom": {"fillOpacity": 8}}


def _target(query: Query, ref: str) -> dict[str, Any]:
    return {
        "refId": ref,
        "datasource": _SOURCE,
        "expr": chosen(query.expr, _NAMESPACE),
        "legendFormat": query.legend or "__auto",
        "exemplar": query.exemplar,
    }


def _at(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": left, "y": top, "w": width, "h": height}
