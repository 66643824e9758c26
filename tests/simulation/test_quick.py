"""Values that are made fast are the values that their classes make."""

from __future__ import annotations

import pytest

from autoscale.fleet import Load, ReplicaFleet
from autoscale.sim.quick import quick
from deployments.totals import StepTotals


@pytest.mark.parametrize("kind", [Load, ReplicaFleet, StepTotals])
def test_a_quick_value_is_like_any_other(kind):
    """Equal, field by field, and as frozen."""
    values = {name: f"the {name}" for name in kind.__slots__}
    one = quick(kind)(*values.values())
    assert one == kind(**values)
    assert repr(one) == repr(kind(**values))
    with pytest.raises(AttributeError):
        setattr(one, kind.__slots__[0], 1)
