"""What the page on observability shows can be used as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from cluster.config import Config
from cluster.rendering.rules import goals_of
from tests.cluster.builders import document, model

PAGE = Path(__file__).parents[3] / "docs/observability.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_sections_are_good() -> None:
    """With the goals that are spoken of."""
    (sections,) = [found for block in BLOCKS if "objectives" in (found := yaml.safe_load(block))]
    models = {"dense": model(slo={"ttft_p95": "2s"}), "moe": model()}
    config = Config.model_validate(document(models=models, graph={"auto": {"fallback": ["dense"]}}, **sections))
    assert goals_of(config) == {"answered": 0.995, "quick": 0.95, "whole": 0.99, "pool-dense": 0.95}
    assert config.telemetry.traces.share == 0.05


def test_links_lead_somewhere() -> None:
    """From the page's own folder."""
    for target in re.findall(r"\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / target).exists(), target
