"""What pools share, around the policy that sizes each of them."""

from __future__ import annotations

from autoscale.arbiter.arbiter import Arbiter
from autoscale.arbiter.brown_out import BrownOut
from autoscale.arbiter.spec import SharedSpec
from autoscale.capacity.knee_source import KneeSource, analytic
from autoscale.policy import Policy


def shared(policy: Policy, spec: SharedSpec, knees: KneeSource = analytic) -> Policy:
    """Deal what is scarce, and have stand-ins answer for what comes too late."""
    arbiter = Arbiter(policy, spec)
    return BrownOut(arbiter, spec.brown_out, knees) if spec.brown_out.enabled else arbiter
