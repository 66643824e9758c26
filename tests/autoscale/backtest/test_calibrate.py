"""What one replica carries, and engines of which nothing can be said."""

from __future__ import annotations

import pytest

from autoscale.backtest.calibrate import carried, lengths
from autoscale.backtest.demand import engine_seconds
from autoscale.capacity.profile_file import ProfileError
from autoscale.capacity.step_model import StepModel
from tests.simulation.small import arrivals, pool, profile, scenario


def test_an_engine_that_takes_no_time_is_refused():
    """With the fields of its profile that are missing."""
    step = StepModel(base_s=0.02, prefill_token_s=0.0, prefill_context_s=0.0, sequence_s=0.0, kv_token_s=0.0)
    only_base = pool(profile=profile(step=step))
    with pytest.raises(ProfileError, match="prefill_token_s"):
        carried(scenario(only_base), only_base, lengths([arrivals(10, 1.0)]), engine_seconds(step), replicas=1)
