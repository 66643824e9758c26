"""The policy that a configuration asks for, with everything wrapped around it."""

from __future__ import annotations

from autoscale.arbiter.shared import shared
from autoscale.capacity.knee_source import KneeSource, analytic
from autoscale.policies.combinators import Bounds, Contained, HoldDown, HoldUp, StepLimit
from autoscale.policies.kind import Build, PolicySpec
from autoscale.policies.per_pool import PerPool
from autoscale.policy import Policy
from autoscale.spec import AutoscaleSpec


def compose(spec: AutoscaleSpec, knees: KneeSource = analytic) -> Contained:
    """Build the policy; the outermost wrapper is applied last, so nothing leaves the configured bounds.

    *knees* says what replicas carry.
    Raises ValueError where a policy's class cannot be imported or built, with the way out.
    """
    within = Build(spec.queue, knees)
    policy = _damped(spec.policy, spec, within)
    others = {name: pool.policy for name, pool in spec.pools.items() if pool.policy is not None}
    if others:
        policy = PerPool(
            policy, {name: Contained(_damped(one, spec, within), within.tally) for name, one in others.items()}
        )
    return Contained(shared(Bounds(policy), spec, knees), within.tally)


def _damped(kind: PolicySpec, spec: AutoscaleSpec, within: Build) -> Policy:
    """Add what ``hold`` and ``step`` say; their defaults are for policies that do not damp themselves."""
    policy = kind.build(within)
    hold, step = (spec.hold, spec.step) if kind.steady else (spec.hold.filled(), spec.step.filled())
    if hold.down is not None:
        policy = HoldDown(policy, hold.down)
    if hold.up is not None:
        policy = HoldUp(policy, hold.up)
    if step.up is not None or step.down is not None:
        policy = StepLimit(policy, up=step.up, down=step.down)
    return policy
