"""The policy that a configuration asks for, with everything wrapped around it."""

from __future__ import annotations

from autoscale.policies.combinators import Bounds, Contained, HoldDown, HoldUp, StepLimit
from autoscale.policies.queue import QueuePolicy
from autoscale.policy import Policy
from autoscale.spec import AutoscaleSpec


def compose(spec: AutoscaleSpec) -> Contained:
    """Build the policy; the outermost wrapper is applied last, so nothing leaves the configured bounds."""
    policy: Policy = QueuePolicy(spec=spec.queue)
    policy = HoldDown(policy, spec.hold.down)
    policy = HoldUp(policy, spec.hold.up)
    policy = StepLimit(policy, up=spec.step.up, down=spec.step.down)
    return Contained(Bounds(policy))
