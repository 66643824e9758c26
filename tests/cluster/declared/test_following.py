"""When a Serve config is handed over once more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.declared.following import PAUSE_S, Following
from cluster.declared.serve_api import Standing
from cluster.declared.serve_config import APPLICATION

CONFIG = {"proxy_location": "EveryNode", "applications": [{"name": APPLICATION}]}
CHANGED = {**CONFIG, "applications": [{"name": APPLICATION, "args": {}}]}


class Serve:
    """Serve as it is with an application that cannot start: the same config changes nothing for it."""

    def __init__(self) -> None:
        self.declared: Mapping[str, Any] = {"applications": []}
        self.puts: list[Mapping[str, Any]] = []
        self.status = "DEPLOYING"

    def put(self, config: Mapping[str, Any]) -> None:
        """Take up what is another than before."""
        self.puts.append(config)
        if config != self.declared:
            self.declared, self.status = config, "DEPLOYING"

    def standings(self) -> dict[str, Standing]:
        """Return the one application, where it is declared."""
        return {one["name"]: Standing(status=self.status) for one in self.declared["applications"]}


def followed() -> tuple[Serve, Following]:
    """Return a Serve that has been handed the config, and whoever did."""
    serve = Serve()
    following = Following(serve)
    assert following.look(CONFIG, 0.0).status == "DEPLOYING"
    assert serve.puts == [CONFIG]
    return serve, following


def test_what_runs_is_left_alone_until_it_changes() -> None:
    """Or is lost, as with the head."""
    serve, following = followed()
    serve.status = "RUNNING"
    assert following.look(CONFIG, 1e6).status == "RUNNING"
    assert serve.puts == [CONFIG]
    following.look(CHANGED, 1e6)
    serve.declared = {"applications": []}
    following.look(CHANGED, 1e6)
    assert serve.puts == [CONFIG, CHANGED, CHANGED]


def test_what_failed_is_tried_again_after_a_pause() -> None:
    """It is taken away first: Serve starts nothing anew for the same config."""
    serve, following = followed()
    serve.status = "DEPLOY_FAILED"
    for at_s in (10.0, 11.0, 9.0 + PAUSE_S):
        assert following.look(CONFIG, at_s).status == "DEPLOY_FAILED"
    assert serve.puts == [CONFIG]
    following.look(CONFIG, 10.0 + PAUSE_S)
    following.look(CONFIG, 15.0 + PAUSE_S)
    assert serve.puts == [CONFIG, {**CONFIG, "applications": []}, CONFIG]
    assert serve.status == "DEPLOYING"


def test_each_failure_has_a_pause_of_its_own() -> None:
    """What came right in between has not failed since."""
    serve, following = followed()
    for at_s, status in ((0.0, "DEPLOY_FAILED"), (30.0, "DEPLOYING"), (100.0, "DEPLOY_FAILED")):
        serve.status = status
        following.look(CONFIG, at_s)
    assert serve.puts == [CONFIG]
