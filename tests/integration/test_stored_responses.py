"""Stored responses in a whole cluster: every question about one reaches the replica that keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.serving import Serving, serving, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

CONFIG: dict[str, Any] = {
    "models": {
        "dense": {
            "family": "dense",
            "source": "synthetic",
            "runtime": "synthetic",
            "synthetic": {"step": {"base_ms": 1}, "output_tokens": 4},
            "replicas": {"min": 2, "max": 2},
        },
        "embed": {"family": "pooling", "source": "synthetic", "runtime": "synthetic"},
    },
    "default": "dense",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    directory: Path = tmp_path_factory.mktemp("serve")
    with serving(CONFIG, directory, ready_within_s=120) as one:
        yield one


def made(cluster: Serving) -> dict[str, str]:
    """Make responses until both replicas keep some; return the replica of each."""
    keepers: dict[str, str] = {}

    def one_more() -> bool:
        answer = httpx.post(f"{cluster.url}/v1/responses", json={"input": f"number {len(keepers)}"}, timeout=60)
        keepers[answer.json()["id"]] = answer.headers["x-tercet-replica"]
        return len(set(keepers.values())) == 2 and len(keepers) >= 8

    until(one_more, within_s=60, what="both replicas keep a response")
    return keepers


def test_a_response_is_found_at_its_own_replica(cluster: Serving) -> None:
    """Retrieved, gone on from and refused to be cancelled there, whichever of the two it is."""
    for response_id, replica in made(cluster).items():
        answers = (
            httpx.get(f"{cluster.url}/v1/responses/{response_id}", timeout=60),
            httpx.post(
                f"{cluster.url}/v1/responses", json={"input": "x", "previous_response_id": response_id}, timeout=60
            ),
        )
        for answer in answers:
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-tercet-replica"] == replica
        cancelled = httpx.post(f"{cluster.url}/v1/responses/{response_id}/cancel", timeout=60)
        assert (cancelled.status_code, cancelled.json()["error"]["param"]) == (400, "response_id")


def test_pooling_models_answer_in_a_cluster(cluster: Serving) -> None:
    """Vectors pass through the same way as tokens."""
    with openai.OpenAI(base_url=f"{cluster.url}/v1", api_key="none", max_retries=0) as api:
        assert len(api.embeddings.create(model="embed", input=["a", "b"]).data) == 2


# The last test: it kills a replica.
def test_a_response_whose_replica_is_gone_is_not_found(cluster: Serving) -> None:
    """In words, and at once; the others are still there."""
    keepers = made(cluster)
    cluster.replicas("dense")[0].kill()

    def statuses() -> dict[str, set[int]]:
        found: dict[str, set[int]] = {replica: set() for replica in keepers.values()}
        for response_id, replica in keepers.items():
            found[replica].add(httpx.get(f"{cluster.url}/v1/responses/{response_id}", timeout=60).status_code)
        return found

    def settled() -> bool:
        return sorted(map(sorted, statuses().values())) == [[200], [404]]

    until(settled, within_s=60, what="one replica's responses are gone, the other's are not")
    gone = next(replica for replica, seen in statuses().items() if seen == {404})
    response_id = next(one for one, replica in keepers.items() if replica == gone)
    answer = httpx.post(
        f"{cluster.url}/v1/responses", json={"input": "x", "previous_response_id": response_id}, timeout=60
    )
    assert answer.status_code == 404
    assert "gone" in answer.json()["error"]["message"]
