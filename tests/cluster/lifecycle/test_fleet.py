"""What commands make of a fleet controller's answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import ray

from cluster.lifecycle import fleet
from cluster.obstacles import CannotServeError


class Method:
    """One method of an actor: its answer is what the reference holds."""

    def __init__(self, answer: Any) -> None:
        self._answer, self.given = answer, tuple[Any, ...]()

    def remote(self, *given: Any) -> Any:
        self.given = given
        return self._answer


def controller(monkeypatch: pytest.MonkeyPatch, **methods: Method) -> None:
    """Stand in for Ray, whose controller has these methods."""
    monkeypatch.setattr(ray, "get_actor", lambda *_, **__: SimpleNamespace(**methods))
    monkeypatch.setattr(ray, "get", _get)


def _get(answer: Any, timeout: float) -> Any:
    assert timeout > 0
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_an_order_is_passed_on_and_a_refusal_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what the operator gave."""
    pin, steer = Method(""), Method("there is no canary n")
    controller(monkeypatch, steer_scaling=pin, steer_canary=steer)
    fleet.steer_scaling("pin", {"pool": "dense"})
    assert pin.given == ("pin", {"pool": "dense"})
    with pytest.raises(CannotServeError, match=r"there is no canary n[.]"):
        fleet.steer_canary("n", "hold")
    assert steer.given == ("n", "hold")


def test_a_controller_that_does_not_answer_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Late, or not there at all."""
    late = ray.exceptions.GetTimeoutError("late")
    controller(monkeypatch, status=Method(late))
    with pytest.raises(CannotServeError, match="restarts by itself within seconds; try again"):
        fleet.fleet_status()

    def gone(*_: Any, **__: Any) -> None:
        raise ValueError("no such actor")

    monkeypatch.setattr(ray, "get_actor", gone)
    with pytest.raises(CannotServeError, match="restarts by itself within seconds; try again"):
        fleet.fleet_status()
