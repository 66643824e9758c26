"""Serve's autoscaling settings for a pool that the fleet controller sizes."""

from __future__ import annotations

from typing import Any, Protocol


class Sized(Protocol):
    """A pool's name and bounds."""

    @property
    def name(self) -> str: ...
    @property
    def min_replicas(self) -> int: ...
    @property
    def max_replicas(self) -> int: ...
    @property
    def initial_replicas(self) -> int: ...


def autoscaling_config(pool: Sized, *, namespace: str) -> dict[str, Any]:
    """Return ``autoscaling_config`` for the engine deployment of *pool*.

    The delays are zero because Serve would put them on top of the policy's own. The policy's arguments are part of the
    application's version, so they hold nothing that may change: a change would restart every engine.
    """
    return {
        "min_replicas": pool.min_replicas,
        "max_replicas": pool.max_replicas,
        "initial_replicas": pool.initial_replicas,
        "upscale_delay_s": 0.0,
        "downscale_delay_s": 0.0,
        "downscale_to_zero_delay_s": 0.0,
        "metrics_interval_s": 1.0,
        "look_back_period_s": 2.0,
        "policy": {
            "policy_function": "autoscale.controller.mailbox:Mailbox",
            "policy_kwargs": {"pool": pool.name, "namespace": namespace},
        },
    }
