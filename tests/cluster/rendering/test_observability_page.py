"""What the page on observability shows can be used as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import yaml

from cluster.config import Config
from cluster.rendering.rules import goals_of
from deployments.gateway.cache_admin import ForgettingAdmin, cache_routes
from deployments.gateway.gateway import Gateway
from deployments.gateway.key_admin import key_routes
from deployments.gateway.scale_admin import ScalingAdmin, scale_routes
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
    for target in re.findall(r"\]\(([^)#]+)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / target).exists(), target


def test_what_stands_for_commands_on_kubernetes_is_there() -> None:
    """Each path is one of the operators' port, and each page that names such a command leads here."""
    section = PAGE.read_text(encoding="utf-8").partition("## On Kubernetes\n")[2]
    gateway = cast("Gateway", None)
    told = {
        *(route.path for route in scale_routes(gateway, cast("ScalingAdmin", None))),
        *(route.path for route in cache_routes(gateway, cast("ForgettingAdmin", None))),
        *(route.path for route in key_routes(gateway)),
    }
    named = {path.replace("POOL", "{pool}") for path in re.findall(r"/admin/[a-zA-Z/]+", section)}
    assert named
    assert named <= told
    for page in (PAGE.parent / "runbooks").iterdir():
        text = page.read_text(encoding="utf-8")
        if re.search(r"`tercet (status|scale|apply|canary|keys)", text):
            assert "(../observability.md#on-kubernetes)" in text, page.name
