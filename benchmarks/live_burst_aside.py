"""Knees for a policy that is a class of its own: the controller keeps its process for the policies that it ships."""

from __future__ import annotations

from dataclasses import dataclass, field

from autoscale.controller.fleet_controller import KNEES_EVERY_S
from autoscale.controller.knee_process import KneeProcess
from autoscale.controller.ticking import Loops


@dataclass(frozen=True, slots=True)
class Beside:
    """A process as the controller's own, stepped as often; it is begun with the first question."""

    source: KneeProcess = field(default_factory=KneeProcess)
    _loops: Loops = field(default_factory=Loops)

    def go_on(self, at_s: float) -> None:  # noqa: ARG002 - its clock is the wall's
        """Have the controller's event loop, in which decisions are made, step the process from now on."""
        self._loops.keep_up("knees of the trace", self._step, lambda: KNEES_EVERY_S)

    async def _step(self) -> None:
        self.source.step()
