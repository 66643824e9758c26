"""The chart that brings KubeRay along: its pins agree; installing it takes a download, which tests do without."""

from __future__ import annotations

import yaml

from tests.charts.tools import CHART

WITH_KUBERAY = CHART.parent / "tercet-with-kuberay"


def test_its_parts_are_the_versions_that_are_tested():
    """The chart beside it, and the KubeRay whose definitions the templates are checked against."""
    ours, both = (yaml.safe_load((folder / "Chart.yaml").read_text()) for folder in (CHART, WITH_KUBERAY))
    parts = {one["name"]: one for one in both["dependencies"]}
    assert (both["version"], parts["tercet"]["version"]) == (ours["version"], ours["version"])
    assert parts["tercet"]["repository"] == "file://../tercet"
    assert parts["kuberay-operator"]["version"] == ours["annotations"]["tercet.io/kuberay"]
    assert parts["kuberay-operator"]["condition"] == "kuberay-operator.enabled"
    assert both["appVersion"] == ours["appVersion"]


def test_the_chart_itself_needs_no_download():
    """A chart with dependencies cannot be installed before they are fetched, not even where they are switched off."""
    assert "dependencies" not in yaml.safe_load((CHART / "Chart.yaml").read_text())
