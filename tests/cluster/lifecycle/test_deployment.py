"""What is said of a cluster whose Serve does not answer."""

from __future__ import annotations

import pytest
import ray
from ray import serve
from ray.serve.exceptions import RayServeException

from cluster.lifecycle.deployment import deployment_failures
from cluster.obstacles import CannotServeError


@pytest.mark.parametrize("error", [ray.exceptions.GetTimeoutError("late"), RayServeException("no controller")])
def test_a_serve_that_does_not_answer_is_told_in_one_sentence(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for engines goes on waiting, and a command ends without a traceback."""

    def silent() -> None:
        raise error

    monkeypatch.setattr(serve, "status", silent)
    with pytest.raises(CannotServeError, match=f"asking Serve how it is failed: {error}"):
        deployment_failures()
