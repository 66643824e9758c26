"""The process that simulates knees, in simulated time: it answers as late as it does beside a controller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from autoscale.capacity.knee_source import KneeQuestion
from autoscale.controller.knee_process import KneeProcess
from autoscale.controller.knee_worker import Answer, KneeWorker
from autoscale.sim.knee import SIMULATED

# Seconds on the clock until the process has loaded its compiled code, and that one answer takes.
_BEGIN_S, _EACH_S = 5.0, 0.4


@dataclass
class LateWorker(KneeWorker):
    """Works a question out when it is asked and tells when the process would; *clock* is simulated seconds."""

    clock: Callable[[], float]
    _worked: list[Answer] = field(default_factory=list)
    _due_s: float | None = None

    def ask(self, question: KneeQuestion) -> None:
        """Work *question* out."""
        self._due_s = self.clock() + (_EACH_S if self._due_s is not None else _BEGIN_S + _EACH_S)
        self._worked.append(Answer(SIMULATED(question), "", _EACH_S))

    def answer(self) -> Answer | None:
        """Return the answer once its time has come."""
        if not self._worked or self._due_s is None or self.clock() < self._due_s:
            return None
        return self._worked.pop()

    def close(self) -> None:
        """Do nothing: there is no process."""


def in_time(clock: Callable[[], float]) -> KneeProcess:
    """Return what a controller has, on a simulated *clock*."""
    return KneeProcess(clock=clock, _worker=LateWorker(clock))
