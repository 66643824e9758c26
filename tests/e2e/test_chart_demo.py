"""The chart's demonstration: what ``helm install`` serves, on real Ray with real engines, answers the openai client."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from cluster.declared.groups import GATEWAY, offered
from tests.charts.tools import objects, rendered, serve_config
from tests.declared import Declared, declared
from tests.e2e.clusters import OneAtATime

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

READY_WITHIN_S = 800


@pytest.fixture(scope="module")
def demonstration(clusters: OneAtATime) -> Iterator[Declared]:
    """Deploy the Serve config of the rendered chart, whose machines for engines are this one."""
    clusters.close()
    with (
        tempfile.TemporaryDirectory(prefix="t-", dir="/tmp", ignore_cleanup_errors=True) as directory,
        declared(Path(directory), cpus=4, offers={GATEWAY: 1, offered("engines"): 1}) as one,
    ):
        result = one.deploy(serve_config(objects(rendered())), within_s=READY_WITHIN_S)
        assert result.returncode == 0, result.stderr + one.log
        yield one


def test_the_demonstration_answers_the_openai_client(demonstration: Declared) -> None:
    """The three models, and the graph's own choice."""
    client = openai.OpenAI(base_url=f"{demonstration.url}/v1", api_key="none", timeout=120)
    assert {"auto", "dense", "moe", "distilled"} <= {one.id for one in client.models.list()}
    for model in ("dense", "moe", "distilled", "auto"):
        answer = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "What is the capital of France?"}],
            max_tokens=24,
            temperature=0,
        )
        assert answer.usage is not None
        assert answer.usage.completion_tokens > 0
        if model in {"dense", "moe"}:
            assert "Paris" in (answer.choices[0].message.content or "")
