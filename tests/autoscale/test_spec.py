"""What a configuration may say about autoscaling."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from autoscale.pools import PoolSettings
from autoscale.spec import AutoscaleSpec


def test_nothing_given_is_a_whole_configuration() -> None:
    """Every default is valid together with all others, and survives being sent as JSON."""
    spec = AutoscaleSpec.model_validate({})
    assert AutoscaleSpec.model_validate_json(spec.model_dump_json()) == spec


def test_durations_are_read_as_people_write_them() -> None:
    """Half a second and two minutes."""
    spec = AutoscaleSpec.model_validate({"interval": "500ms", "hold": {"down": "2m"}})
    assert (spec.interval, spec.hold.down) == (0.5, 120.0)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"modus": "active"}, ("modus",)),
        ({"mode": "passive"}, ("mode",)),
        ({"interval": 0}, ("interval",)),
        ({"interval": "99ms"}, ("interval",)),
        ({"interval": "61s", "stale_after": "4m"}, ("interval",)),
        ({"stale_after": "301s"}, ("stale_after",)),
        ({"interval": "10s"}, ("stale_after",)),
        ({"stale_after": "1s"}, ("stale_after",)),
        ({"queue": {"target_utilization": 1.5}}, ("queue", "target_utilization")),
        ({"queue": {"queue_drain": "soon"}}, ("queue", "queue_drain")),
        ({"hold": {"down": -1}}, ("hold", "down")),
        ({"step": {"up": 0}}, ("step", "up")),
    ],
)
def test_a_wrong_value_is_refused_at_its_own_path(given: dict[str, Any], where: tuple[str, ...]) -> None:
    """One problem, located at the key that has to change."""
    with pytest.raises(ValidationError) as refused:
        AutoscaleSpec.model_validate(given)
    assert [problem["loc"] for problem in refused.value.errors()] == [where]


def test_a_pool_whose_bounds_are_crossed_is_refused() -> None:
    """The controller does not begin with bounds that nothing can satisfy."""
    with pytest.raises(ValidationError, match="max_replicas 1 is less than min_replicas 2"):
        PoolSettings(name="dense", application="a", deployment="d", min_replicas=2, max_replicas=1)
