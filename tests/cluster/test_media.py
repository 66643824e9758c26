"""A pool's media: what is planned, what is refused, and what `tercet check` shows."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.plan import Plan
from cluster.report import report
from cluster.resolve import resolve
from tests.cluster.builders import LAPTOP

POOL: dict[str, Any] = {"family": "dense", "source": "demo/dense"}


def resolved(**model: Any) -> Any:
    return resolve({"models": {"vision": {**POOL, **model}, "dense": POOL}, "default": "dense"}, LAPTOP)


def test_is_planned_for_the_engine_and_for_the_gateway() -> None:
    """The gateway refuses early what the engine would refuse as well."""
    plan = resolved(media={"images": 2, "allowed_hosts": ["images.example.com"]})
    assert isinstance(plan, Plan)
    assert plan.pools[0].media["images"] == 2
    assert plan.gateway.settings["models"]["vision"]["media"] == plan.pools[0].media
    assert plan.gateway.settings["models"]["dense"]["media"]["images"] == 0


def test_is_shown_where_there_is_any() -> None:
    """With the hosts that are asked."""
    lines = "\n".join(line.text for line in report(resolved(media={"images": 2}), LAPTOP, "x"))
    assert "vision: at most 2 images a request" in lines
    assert "asks no other machine" in lines
    assert "media\n" not in "\n".join(line.text for line in report(resolved(), LAPTOP, "x"))


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ({"media": {"images": -1}}, "models.vision.media.images"),
        ({"media": {"allowed_hosts": ["https://example.com"]}}, "models.vision.media.allowed_hosts[0]"),
        ({"media": {"image": 1}}, "models.vision.media.image"),
        ({"engine": {"limit_mm_per_prompt": {"image": 1}}}, "models.vision.engine.limit_mm_per_prompt"),
        ({"engine": {"allowed_media_domains": ["example.com"]}}, "models.vision.engine.allowed_media_domains"),
        ({"engine": {"allowed_local_media_path": "/"}}, "models.vision.engine.allowed_local_media_path"),
        ({"engine": {"enable_mm_embeds": True}}, "models.vision.engine.enable_mm_embeds"),
    ],
)
def test_names_what_is_wrong(model: dict[str, Any], path: str) -> None:
    """By its place in the document."""
    problems = resolved(**model)
    assert [problem.path for problem in problems] == [path]
