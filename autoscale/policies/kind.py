"""What a kind of policy is to the configuration: options with their checks, and how to build it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from autoscale.capacity.knee_source import KneeSource, analytic
from autoscale.policies.tally import Tally
from autoscale.policy import Policy
from deployments.strict import Strict

if TYPE_CHECKING:
    from autoscale.policies.queue import QueueSpec


@dataclass(frozen=True, slots=True)
class Build:
    """What the policies of one configuration share.

    The queue policy's options, where knees come from, and the count of their failures.
    """

    queue: QueueSpec
    knees: KneeSource = analytic
    tally: Tally = field(default_factory=Tally)


class PolicySpec(Strict):
    """The options of one kind of policy.

    ``kind`` is its key in the configuration. A ``whole`` kind is written with other keys beside its own; any other has
    its options below its key.
    """

    kind: ClassVar[str] = ""
    whole: ClassVar[bool] = False

    @property
    def steady(self) -> bool:
        """Say whether the policy damps itself; one that does not is held and stepped unless told otherwise."""
        return False

    def build(self, within: Build) -> Policy:
        """Return a fresh policy."""
        raise NotImplementedError
