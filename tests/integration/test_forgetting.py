"""Kept answers in a whole cluster with two gateways that share no store: what is forgotten is forgotten by both."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.serving import TERCET, Serving, serving

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

WITHIN_S = 10.0
TOKEN = "correct-horse-battery-staple"
BOTH = 24  # requests on connections of their own are dealt to both gateways


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    pool = {"family": "dense", "source": "none", "runtime": "synthetic", "synthetic": {"step": {"base_ms": 1}}}
    document: dict[str, Any] = {
        "models": {"dense": pool},
        "graph": {"known": {"cache": "dense"}},
        "default": "known",
        "cache": {"disk": False},
        "gateway": {"replicas": 2, "admin": {"token_env": "TERCET_TEST_TOKEN"}},
    }
    folder, env = tmp_path_factory.mktemp("serve"), {"TERCET_TEST_TOKEN": TOKEN}
    with serving(document, folder, ready_within_s=120, env=env) as one:
        yield one


def outcomes(cluster: Serving) -> list[str]:
    """Ask the same again and again, and return what the caches had."""
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2, "temperature": 0}
    return [
        httpx.post(
            f"{cluster.url}/v1/chat/completions", json=body, headers={"connection": "close"}, timeout=30
        ).headers["x-tercet-cache"]
        for _ in range(BOTH)
    ]


def test_every_gateway_forgets_what_one_command_names(cluster: Serving) -> None:
    """On the command line and over HTTP, in a few seconds; each gateway then makes the answer once more."""
    assert sorted(outcomes(cluster)).count("miss") == 2
    assert set(outcomes(cluster)) == {"hit"}
    command = [TERCET, "cache", "forget", "--model", "dense", "--port", str(cluster.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stdout) == (0, "model dense: forgotten by 2 gateways\n"), done.stdout + done.stderr
    assert outcomes(cluster).count("miss") == 2
    began_s = time.monotonic()
    answer = httpx.post(
        f"{cluster.url}/admin/cache/forget", json={"tenant": "anonymous"}, timeout=60,
        headers={"authorization": f"Bearer {TOKEN}"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["gateways"]) == 2
    assert time.monotonic() - began_s < WITHIN_S
    assert outcomes(cluster).count("miss") == 2
